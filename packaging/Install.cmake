# Runs when Shoal is installed, with CMAKE_INSTALL_PREFIX and, from CMakeLists.txt, `source`, `generated`, `bindir`, `strip`,
# `PROJECT_VERSION`.
# file(INSTALL) and $ENV{DESTDIR}: a package is made below a folder that stands for the root of the target machine.
set(bin ${CMAKE_INSTALL_PREFIX}/${bindir})
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
  set(etc /etc)
  set(zsh ${CMAKE_INSTALL_PREFIX}/share/zsh/vendor-completions)
else()
  set(etc ${CMAKE_INSTALL_PREFIX}/etc)
  set(zsh ${CMAKE_INSTALL_PREFIX}/share/zsh/site-functions)
endif()

if(CMAKE_INSTALL_DO_STRIP AND strip)
  execute_process(COMMAND ${strip} $ENV{DESTDIR}${bin}/shoal COMMAND_ERROR_IS_FATAL ANY)
endif()
file(CREATE_LINK shoal $ENV{DESTDIR}${bin}/shoal-leecher SYMBOLIC)
file(INSTALL ${generated}/zsh/ DESTINATION ${zsh})

# What an administrator has changed stays.
foreach(name tracker seeder agent)
  if(NOT EXISTS $ENV{DESTDIR}${etc}/shoal/${name}.conf)
    file(INSTALL ${generated}/etc/shoal/${name}.conf DESTINATION ${etc}/shoal)
  endif()
endforeach()

file(READ ${source}/systemd/sandbox.conf SANDBOX)
string(STRIP "${SANDBOX}" SANDBOX)
set(BINDIR ${bin})
set(SYSCONFDIR ${etc})
foreach(name tracker seeder agent)
  configure_file(${source}/systemd/shoal-${name}.service.in ${generated}/systemd/shoal-${name}.service @ONLY)
  file(INSTALL ${generated}/systemd/shoal-${name}.service DESTINATION ${CMAKE_INSTALL_PREFIX}/lib/systemd/system)
endforeach()

file(INSTALL ${source}/systemd/shoal-agent.sysusers DESTINATION ${CMAKE_INSTALL_PREFIX}/lib/sysusers.d RENAME shoal.conf)

# What Debian's policy asks for.
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
  file(INSTALL ${source}/debian/copyright DESTINATION /usr/share/doc/shoal)
  file(INSTALL ${source}/debian/lintian-overrides DESTINATION /usr/share/lintian/overrides RENAME shoal)
  configure_file(${source}/debian/changelog ${generated}/changelog @ONLY)
  execute_process(COMMAND gzip -9 --no-name --force --keep ${generated}/changelog COMMAND_ERROR_IS_FATAL ANY)
  file(INSTALL ${generated}/changelog.gz DESTINATION /usr/share/doc/shoal)
endif()
