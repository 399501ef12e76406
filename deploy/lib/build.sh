# shellcheck shell=bash
# build.sh - compiles the programs. Sourced after base.sh; `root` is the folder of the project.

# build_programs DIR LOG CMAKE_OPTION...: all programs end up in DIR/bin. `build_target`, where set, is all that is built.
build_programs() {
    local dir=$1 log=$2
    shift 2
    if [ -f "$dir/CMakeCache.txt" ] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=${root:?}" "$dir/CMakeCache.txt"; then
        rm -rf "$dir" # the project was moved
    fi
    mkdir -p "$dir"
    logged "$log.configure" cmake -S "$root" -B "$dir" -G Ninja -DCMAKE_RUNTIME_OUTPUT_DIRECTORY="$dir/bin" \
        -DCMAKE_EXPORT_COMPILE_COMMANDS=ON "$@" &&
        logged "$log" cmake --build "$dir" --target "${build_target:-all}"
}
