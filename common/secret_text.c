#include "secret_text.h"

#include "macros.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* A key with one of these in it has a secret value: libpq's password and sslpassword, librdkafka's
 * sasl.password, ssl.key.password, ssl.key.pem, sasl.oauthbearer.client.secret, ... */
static const char *const secret_words[] = {"password", "passwd", "passphrase",
                                           "secret",   "token",  "key.pem"};

static bool begins_secret_word(const char *at)
{
    for (size_t i = 0; i < ARRAY_LEN(secret_words); i++) {
        if (strncasecmp(at, secret_words[i], strlen(secret_words[i])) == 0) {
            return true;
        }
    }
    return false;
}

/* Where the value of the secret key at `at` begins, or NULL when there is no such key. libpq allows
 * blanks around '='. */
static const char *find_secret_value(const char *at)
{
    if (!begins_secret_word(at)) {
        return NULL;
    }
    while (isalnum((unsigned char)*at) || (*at && strchr("._-", *at))) {
        at++;
    }
    at += strspn(at, " \t");
    return *at == '=' ? at + 1 + strspn(at + 1, " \t") : NULL;
}

/* Behind a value that runs up to one of `stops`; a backslash takes the next byte along. */
static const char *skip_value(const char *at, const char *stops)
{
    while (*at && !strchr(stops, *at)) {
        at += at[0] == '\\' && at[1] ? 2 : 1;
    }
    return at;
}

static const char *skip_secret_value(const char *at, bool in_url)
{
    if (*at != '\'' && *at != '"') {
        return skip_value(at, in_url ? " \t\r\n&" : " \t\r\n");
    }
    const char quote[] = {*at, '\0'};
    const char *closing = skip_value(at + 1, quote);
    return *closing ? closing + 1 : closing;
}

/* For the text behind "://": the '@' that ends "user:password", and where the password begins; NULL
 * when there is none. */
static const char *find_url_password(const char *at, const char **out_password)
{
    const char *end = at + strcspn(at, " \t\r\n");
    const char *host_mark = memrchr(at, '@', (size_t)(end - at));
    const char *colon = host_mark ? memchr(at, ':', (size_t)(host_mark - at)) : NULL;
    *out_password = colon ? colon + 1 : NULL;
    return colon ? host_mark : NULL;
}

void secret_text_append(struct buf *out, const char *text, enum secret_extent extent)
{
    bool in_url = false;
    while (*text) {
        const char *hidden = find_secret_value(text);
        const char *behind = NULL;
        if (hidden) {
            behind = extent == SECRET_TO_END ? hidden + strlen(hidden)
                                             : skip_secret_value(hidden, in_url);
        } else if (strncmp(text, "://", 3) == 0) {
            in_url = true;
            behind = find_url_password(text + 3, &hidden);
        }
        if (behind) {
            buf_append(out, text, (size_t)(hidden - text));
            buf_append_text(out, SECRET_HIDDEN);
            text = behind;
        } else {
            buf_append_char(out, *text++);
        }
    }
}
