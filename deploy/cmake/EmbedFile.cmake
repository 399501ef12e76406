# EmbedFile.cmake - run by Embed.cmake's rule: writes the C source TO, in which NAME is a slice of the bytes of FROM.
file(READ "${FROM}" digits HEX)
string(REGEX REPLACE "(..)" "'\\\\x\\1'," bytes "${digits}")
file(WRITE "${TO}" "#include \"${HEADER}\"\n\n"
    "static const char bytes[] = {${bytes}};\n\n"
    "const struct slice ${NAME} = {bytes, sizeof(bytes)};\n")
