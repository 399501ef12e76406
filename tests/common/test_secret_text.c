#include "secret_text.h"

#include "buf.h"
#include "macros.h"

#include <criterion/criterion.h>
#include <string.h>

/* The secrets here are of hunter2, so that no piece of one can be left unseen. */
static const struct {
    enum secret_extent extent;
    const char *text;
    const char *shown;
} texts[] = {
    {SECRET_TO_BLANK, "", ""},
    {SECRET_TO_BLANK, "127.0.0.1:8080", "127.0.0.1:8080"},
    {SECRET_TO_BLANK, "postgres://user:hunter2@host:5432/db", "postgres://user:***@host:5432/db"},
    {SECRET_TO_BLANK, "http://user:hun@ter2@host/", "http://user:***@host/"},
    {SECRET_TO_BLANK, "http://user:hunter2/x@host/", "http://user:***@host/"},
    {SECRET_TO_BLANK, "http://user@host:80/", "http://user@host:80/"},
    {SECRET_TO_BLANK, "http://host:80/path", "http://host:80/path"},
    {SECRET_TO_BLANK, "http://a:b@c http://d:e@f", "http://a:***@c http://d:***@f"},
    {SECRET_TO_BLANK, "postgres://h/d?user=u&password=hunter2&x=y",
     "postgres://h/d?user=u&password=***&x=y"},
    {SECRET_TO_BLANK, "host=h password=hunter2 port=1", "host=h password=*** port=1"},
    {SECRET_TO_BLANK, "password = hunter2 port=1", "password = *** port=1"},
    {SECRET_TO_BLANK, "password='hun ter\\'2' port=1", "password=*** port=1"},
    {SECRET_TO_BLANK, "password=\"hun ter2\" port=1", "password=*** port=1"},
    {SECRET_TO_BLANK, "password='hunter2", "password=***"},
    {SECRET_TO_BLANK, "password=hun\\ ter2 port=1", "password=*** port=1"},
    {SECRET_TO_BLANK, "password=hunter&2 port=1", "password=*** port=1"},
    {SECRET_TO_BLANK, "password=hunter2\\", "password=***"},
    {SECRET_TO_BLANK, "=x", "=x"},
    {SECRET_TO_BLANK, "PassWord=hunter2", "PassWord=***"},
    {SECRET_TO_BLANK, "sslpassword=hunter2", "sslpassword=***"},
    {SECRET_TO_BLANK, "password", "password"},
    {SECRET_TO_END, "sasl.password=hun ter2,x", "sasl.password=***"},
    {SECRET_TO_END, "ssl.key.pem=-----BEGIN hunter2", "ssl.key.pem=***"},
    {SECRET_TO_END, "sasl.oauthbearer.client.secret=x", "sasl.oauthbearer.client.secret=***"},
    {SECRET_TO_END, "ssl.keystore.password=x", "ssl.keystore.password=***"},
    {SECRET_TO_END, "security.protocol=sasl_ssl", "security.protocol=sasl_ssl"},
};

Test(secret_text, shows_all_but_the_secrets)
{
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct buf out;
        buf_init(&out, 1000);
        secret_text_append(&out, texts[i].text, texts[i].extent);
        cr_expect_str_eq(buf_text(&out), texts[i].shown, "%s", texts[i].text);
        cr_expect_null(strstr(buf_text(&out), "ter2"), "%s", texts[i].text);
        buf_done(&out);
    }
}

Test(secret_text, is_put_behind_what_is_there)
{
    struct buf out;
    buf_init(&out, 1000);
    buf_append_text(&out, "url=");
    secret_text_append(&out, "http://u:p@h", SECRET_TO_BLANK);
    cr_expect_str_eq(buf_text(&out), "url=http://u:***@h");
    buf_done(&out);
}
