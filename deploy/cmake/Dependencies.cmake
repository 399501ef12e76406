# Dependencies.cmake - finds the libraries; a missing one is named with the Debian package that brings it.
find_package(PkgConfig QUIET)
if(NOT PKG_CONFIG_FOUND)
    message(FATAL_ERROR "pkg-config is missing: apt-get install pkg-config")
endif()

# callboard_require(TARGET MODULE DEBIAN_PACKAGE): an imported target PkgConfig::TARGET.
function(callboard_require target module package)
    pkg_check_modules(${target} QUIET IMPORTED_TARGET GLOBAL ${module})
    if(NOT ${target}_FOUND)
        message(FATAL_ERROR "${module} is missing: apt-get install ${package}")
    endif()
endfunction()

callboard_require(libevent "libevent_core>=2.1.12" libevent-dev)
callboard_require(libevent_extra "libevent_extra>=2.1.12" libevent-dev)
callboard_require(libevent_pthreads "libevent_pthreads>=2.1.12" libevent-dev)
callboard_require(rdkafka "rdkafka>=2.0.2" librdkafka-dev)
callboard_require(libpq "libpq>=15" libpq-dev)
callboard_require(json_c "json-c>=0.16" libjson-c-dev)
callboard_require(libcrypto "libcrypto>=3.0" libssl-dev)
callboard_require(zlib "zlib" zlib1g-dev)
callboard_require(zstd "libzstd>=1.4" libzstd-dev)

find_package(Threads REQUIRED)
