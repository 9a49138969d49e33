# cmake -DINPUT=file -DOUTPUT=file.cc -DNAME=kName -P EmbedBytes.cmake: the bytes of a file as a C++ array `shoal::NAME` with
# `shoal::NAMEBytes`, its length.
file(READ ${INPUT} hex HEX)
string(LENGTH "${hex}" digits)
math(EXPR bytes "${digits} / 2")
string(REGEX REPLACE "(..)" "0x\\1," array "${hex}")
string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n" array "${array}")
file(WRITE ${OUTPUT} "#include <cstddef>\n\nnamespace shoal {\nextern const unsigned char ${NAME}[];\nextern const size_t ${NAME}Bytes;\n\
const unsigned char ${NAME}[] = {\n${array}};\nconst size_t ${NAME}Bytes = ${bytes};\n}  // namespace shoal\n")
