# Warnings.cmake - the warnings of our own code, on one target. They are errors for us, not for packagers.
option(CALLBOARD_WERROR "Treat warnings as errors" ON)

add_library(callboard_warnings INTERFACE)
target_compile_options(callboard_warnings INTERFACE
    -Wall -Wextra
    -Wshadow              # a hidden variable is a bug waiting for an edit
    -Wconversion          # sizes and counters come from peers: every narrowing is written down
    -Wno-sign-conversion  # ... but int <-> unsigned of the same width says nothing in practice here
    -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition # every function has a contract in a header, or is static
    -Wformat=2            # format strings are literals
    -Wwrite-strings -Wcast-qual # const is kept
    -Wpointer-arith -Wundef -Wvla # no GNU void arithmetic, no misspelt macros, no stack sized by input
    -Wimplicit-fallthrough -Wswitch-enum # every case is decided
    -Wnull-dereference)
if(CALLBOARD_WERROR)
    target_compile_options(callboard_warnings INTERFACE -Werror)
endif()
