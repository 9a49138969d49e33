# cmake -DFOLDER=folder -DFILES=a,b/c -DROOT=b/ -DOUTPUT=file.cc -DNAME=Function -P EmbedFolder.cmake: files below a folder as a
# function `shoal::NAME()` that returns them as service::EmbeddedFile (shoal/service/http/embedded_files.h). The file
# ROOTindex.html gets the path index.html.
string(REPLACE "," ";" FILES "${FILES}")
set(arrays)
set(table)
set(number 0)
foreach(file IN LISTS FILES)
  file(READ ${FOLDER}/${file} hex HEX)
  string(LENGTH "${hex}" digits)
  math(EXPR bytes "${digits} / 2")
  string(REGEX REPLACE "(..)" "0x\\1," array "${hex}")
  string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n" array "${array}")
  string(APPEND arrays "const unsigned char k${number}[] = {\n${array}};\n")
  string(REGEX REPLACE "^${ROOT}index[.]html$" "index.html" path ${file})
  string(APPEND table "      {\"${path}\", k${number}, ${bytes}},\n")
  math(EXPR number "${number} + 1")
endforeach()
file(WRITE ${OUTPUT} "#include <vector>\n\n#include \"shoal/service/http/embedded_files.h\"\n\nnamespace shoal {\nnamespace {\n\n\
${arrays}\n}  // namespace\n\nstd::vector<service::EmbeddedFile> ${NAME}();\nstd::vector<service::EmbeddedFile> ${NAME}() {\n  return {\n\
${table}  };\n}\n\n}  // namespace shoal\n")
