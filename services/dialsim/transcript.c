#include "transcript.h"

#include "macros.h"

#include <string.h>

/* In phrases, $F is the first name, $L the last name, $A the agent, $R the reason of the call. */
static const char *const agents[] = {"Laura", "Ben", "Monika", "Daniel", "Ines", "Tom"};

static const char *const greetings[] = {
    "Good morning, this is $A from Northwind Services. Am I speaking with $F $L?",
    "Hello, my name is $A, I am calling on behalf of Northwind Services. Is this $F $L?",
    "Hi $F, this is $A at Northwind. Do you have two minutes for me?",
    "Good afternoon, may I speak with $F $L please? This is $A from Northwind Services.",
};
static const char *const greeting_answers[] = {
    "Yes, speaking. What is this about?",
    "Yes, that's me. I am a bit in a hurry, though.",
    "Speaking. Sorry, the line is not very good, could you speak up a little?",
    "Yes, hello. Is it something urgent?",
};
static const char *const reasons[] = {
    "I am calling about $R. It will only take a moment. Before we begin, this call is recorded "
    "for quality purposes; is that all right with you?",
    "The reason for my call is $R. We sent you a letter two weeks ago and I wanted to make sure "
    "that it reached you.",
    "It is about $R. I have your details in front of me and would like to go through them with "
    "you.",
};
static const char *const agent_turns[] = {
    "Let me just check that in the system. I can see the entry from last month, and everything "
    "else "
    "looks fine to me.",
    "I understand. In that case we could split it into two parts, the first one at the end of this "
    "month and the second one four weeks later.",
    "That is no problem at all. I will make a note of it, so that my colleagues know about it the "
    "next time you call.",
    "Could you please confirm your postal code and your date of birth for me, so that I know that "
    "I "
    "am talking to the right person?",
    "Thank you. And is the e-mail address that we have on file still the right one, or has that "
    "changed in the meantime?",
    "I can send you a message with a link right after this call. You only need to open it and "
    "follow "
    "the three steps shown there.",
    "Many of our customers have asked the same thing. The short answer is that nothing changes for "
    "you before the end of the year.",
    "Of course. If you prefer, we can arrange another time; I have something free on Thursday at "
    "ten and on Friday after two o'clock.",
};
static const char *const customer_turns[] = {
    "Okay, I see. I think I got that letter, but to be honest I have not opened it yet.",
    "Hm, that is more than I expected. Is there anything you can do about it?",
    "Yes, that is right. Nothing has changed on my side since last year.",
    "Wait a moment, let me get my papers. All right, I have them here now.",
    "No, I moved in spring. The new address should be with you already, I filled in the form "
    "online.",
    "I would have to talk to my wife about that first. Can I call you back on this number?",
    "That sounds good. How long would that take, roughly?",
    "To be honest, I was not happy the last time. I waited forty minutes and then the line went "
    "dead.",
    "Sure, go ahead. Just not before nine in the morning, please.",
};
static const char *const closings[] = {
    "Then we have everything. Thank you for your time, $F, and have a nice day.",
    "Great, I have written that down. Anything else I can do for you today? Then goodbye, $F.",
    "Perfect. You will get a confirmation by e-mail within the next hour. Goodbye, $F.",
};
static const char *const closing_answers[] = {"Thank you, bye.", "All right, goodbye.",
                                              "You too. Bye bye."};

static const char *const voicemails[] = {
    "You have reached the mailbox of $F $L. Please leave a message after the tone. Hello $F, this "
    "is $A from Northwind Services. I am calling about $R. Please call us back when you have a "
    "moment. Thank you and goodbye.",
    "The person you have called is not available at the moment. Please leave a message. Good day, "
    "this is a message for $F $L from $A at Northwind. It is about $R. We will try again later "
    "today, you do not need to do anything.",
    "Hi, this is $F, I can't come to the phone right now. Hello, this is $A from Northwind "
    "Services, "
    "calling about $R. Our number is on the display, we are here until six o'clock. Goodbye.",
};

struct speaker {
    struct buf *out;
    const struct transcript_setup *setup;
    const char *agent;
    struct rng *rng;
    int words;
};

static const char *placeholder(const struct speaker *speaker, char letter)
{
    switch (letter) {
    case 'F':
        return speaker->setup->first_name;
    case 'L':
        return speaker->setup->last_name;
    case 'R':
        return speaker->setup->reason;
    default:
        return speaker->agent;
    }
}

static void append_words(struct speaker *speaker, const char *text)
{
    buf_append_text(speaker->out, text);
    for (const char *at = text; *at; at++)
        speaker->words += *at == ' ' || *at == '\n';
}

static void append_phrase(struct speaker *speaker, const char *phrase)
{
    const char *mark;
    while ((mark = strchr(phrase, '$')) != NULL) {
        buf_append(speaker->out, phrase, (size_t)(mark - phrase));
        for (const char *at = phrase; at < mark; at++)
            speaker->words += *at == ' ';
        append_words(speaker, placeholder(speaker, mark[1]));
        phrase = mark + 2;
    }
    append_words(speaker, phrase);
}

static const char *pick(struct speaker *speaker, const char *const *phrases, size_t count)
{
    return phrases[rng_below(speaker->rng, (uint32_t)count)];
}

static void say(struct speaker *speaker, const char *who, const char *phrase)
{
    append_phrase(speaker, who);
    append_phrase(speaker, phrase);
    append_words(speaker, "\n");
}

#define PICK(speaker, phrases) pick((speaker), (phrases), ARRAY_LEN(phrases))

static struct speaker speaker_new(struct buf *out, const struct transcript_setup *setup,
                                  struct rng *rng)
{
    struct speaker speaker = {.out = out, .setup = setup, .rng = rng};
    speaker.agent = PICK(&speaker, agents);
    return speaker;
}

void transcript_append_conversation(struct buf *out, const struct transcript_setup *setup,
                                    struct rng *rng)
{
    struct speaker speaker = speaker_new(out, setup, rng);
    int wanted = (int)rng_between(rng, setup->words * 3 / 5, setup->words * 27 / 20);
    say(&speaker, "Agent: ", PICK(&speaker, greetings));
    say(&speaker, "Customer: ", PICK(&speaker, greeting_answers));
    say(&speaker, "Agent: ", PICK(&speaker, reasons));
    /* What closes the conversation takes some 20 words. */
    while (speaker.words < wanted - 18) {
        say(&speaker, "Customer: ", PICK(&speaker, customer_turns));
        say(&speaker, "Agent: ", PICK(&speaker, agent_turns));
    }
    say(&speaker, "Agent: ", PICK(&speaker, closings));
    append_phrase(&speaker, "Customer: ");
    append_phrase(&speaker, PICK(&speaker, closing_answers));
}

void transcript_append_voicemail(struct buf *out, const struct transcript_setup *setup,
                                 struct rng *rng)
{
    struct speaker speaker = speaker_new(out, setup, rng);
    append_phrase(&speaker, PICK(&speaker, voicemails));
}
