/*
 * macros - the few compiler attributes this project uses, under names that say why.
 */
#ifndef CALLBOARD_MACROS_H
#define CALLBOARD_MACROS_H

/* The caller must look at the result. */
#define NODISCARD __attribute__((warn_unused_result))
/* Arguments are checked as those of printf. */
#define PRINTF_LIKE(format_index, first) __attribute__((format(printf, format_index, first)))
/* Runs `release(&variable)` when the variable leaves its scope. */
#define AUTO_RELEASE(release) __attribute__((cleanup(release)))

#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

#endif
