# Embed.cmake - files that become part of a program: callboard_embed(TARGET HEADER FILE...) gives TARGET the bytes of each
# FILE ("assets/docs.html") as `const struct slice asset_docs_html`, which HEADER declares.
set(CALLBOARD_EMBED_SCRIPT "${CMAKE_CURRENT_LIST_DIR}/EmbedFile.cmake")

function(callboard_embed target header)
    foreach(file ${ARGN})
        cmake_path(GET file FILENAME name)
        string(MAKE_C_IDENTIFIER "asset_${name}" name)
        set(from "${CMAKE_CURRENT_SOURCE_DIR}/${file}")
        set(to "${CMAKE_CURRENT_BINARY_DIR}/${name}.c")
        add_custom_command(OUTPUT "${to}"
            COMMAND "${CMAKE_COMMAND}" "-DFROM=${from}" "-DTO=${to}" "-DNAME=${name}" "-DHEADER=${header}"
                    -P "${CALLBOARD_EMBED_SCRIPT}"
            DEPENDS "${from}" "${CALLBOARD_EMBED_SCRIPT}"
            COMMENT "Embedding ${file}" VERBATIM)
        target_sources(${target} PRIVATE "${to}")
    endforeach()
endfunction()
