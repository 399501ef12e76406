# Variants.cmake - one cache option picks how everything is compiled.
set(CALLBOARD_VARIANT "release" CACHE STRING "release, dev, asan, tsan or coverage")
set_property(CACHE CALLBOARD_VARIANT PROPERTY STRINGS release dev asan tsan coverage)

add_library(callboard_variant INTERFACE)
target_compile_features(callboard_variant INTERFACE c_std_17)
target_compile_definitions(callboard_variant INTERFACE _GNU_SOURCE)
# Functions of one module may be inlined into others; symbols stay readable in stack traces.
target_compile_options(callboard_variant INTERFACE -fno-omit-frame-pointer -fno-common)

if(CALLBOARD_VARIANT STREQUAL "release")
    target_compile_options(callboard_variant INTERFACE -O2 -g -fstack-protector-strong)
    target_compile_definitions(callboard_variant INTERFACE _FORTIFY_SOURCE=2)
    target_link_options(callboard_variant INTERFACE -Wl,-z,relro,-z,now)
elseif(CALLBOARD_VARIANT STREQUAL "dev")
    target_compile_options(callboard_variant INTERFACE -Og -g3)
elseif(CALLBOARD_VARIANT STREQUAL "asan")
    target_compile_options(callboard_variant INTERFACE -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all)
    target_link_options(callboard_variant INTERFACE -fsanitize=address,undefined)
elseif(CALLBOARD_VARIANT STREQUAL "tsan")
    target_compile_options(callboard_variant INTERFACE -O1 -g -fsanitize=thread)
    target_link_options(callboard_variant INTERFACE -fsanitize=thread)
elseif(CALLBOARD_VARIANT STREQUAL "coverage")
    # Counters of several threads: added to without atomic steps they can end below zero, which gcovr refuses to read.
    target_compile_options(callboard_variant INTERFACE -O0 -g --coverage -fprofile-update=atomic)
    target_link_options(callboard_variant INTERFACE --coverage)
else()
    message(FATAL_ERROR "CALLBOARD_VARIANT is \"${CALLBOARD_VARIANT}\": choose release, dev, asan, tsan or coverage")
endif()
