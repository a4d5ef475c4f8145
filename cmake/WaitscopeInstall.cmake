# What `cmake --install` puts where. Under /usr and /usr/local systemd finds the unit by itself.
include(GNUInstallDirs)

configure_file(${CMAKE_SOURCE_DIR}/systemd/waitscoped.service.in
               ${CMAKE_BINARY_DIR}/systemd/waitscoped.service @ONLY)

install(TARGETS waitscoped waitscope RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES ${CMAKE_BINARY_DIR}/systemd/waitscoped.service DESTINATION lib/systemd/system)
install(FILES docs/man/waitscope.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES docs/man/waitscoped.8 DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
install(FILES LICENSE LICENSES.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
