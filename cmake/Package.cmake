# What an installed mqttproxy consists of, and the Debian package (scripts/package.sh) that is made of it. The service
# and its configuration have one place, whatever the prefix.
include(GNUInstallDirs)
set(packaging "${CMAKE_SOURCE_DIR}/packaging")
set(doc "${CMAKE_INSTALL_DATADIR}/doc/mqttproxy")

# gzip_file(FROM TO): at build time, without name and time stamp, so that two builds give the same bytes.
function(gzip_file from to)
  add_custom_command(OUTPUT "${to}" COMMAND gzip -9nc "${from}" > "${to}" DEPENDS "${from}" VERBATIM)
endfunction()

configure_file("${packaging}/debian/changelog.in" "${CMAKE_BINARY_DIR}/package/changelog" @ONLY)
gzip_file("${packaging}/man/mqttproxy.8" "${CMAKE_BINARY_DIR}/package/mqttproxy.8.gz")
gzip_file("${CMAKE_BINARY_DIR}/package/changelog" "${CMAKE_BINARY_DIR}/package/changelog.Debian.gz")
gzip_file("${CMAKE_SOURCE_DIR}/docs/CHANGELOG.md" "${CMAKE_BINARY_DIR}/package/changelog.gz")
add_custom_target(package_files DEPENDS "${CMAKE_BINARY_DIR}/package/mqttproxy.8.gz"
                  "${CMAKE_BINARY_DIR}/package/changelog.gz" "${CMAKE_BINARY_DIR}/package/changelog.Debian.gz")
add_dependencies(mqttproxy package_files)

install(TARGETS mqttproxy RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES config/mqttproxy.yaml DESTINATION /etc/mqttproxy
        PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ)
install(FILES "${packaging}/systemd/mqttproxy.service" DESTINATION /lib/systemd/system)
install(FILES "${packaging}/completions/mqttproxy" DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES "${CMAKE_BINARY_DIR}/package/mqttproxy.8.gz" DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
install(FILES "${packaging}/debian/copyright" "${CMAKE_BINARY_DIR}/package/changelog.gz"
        "${CMAKE_BINARY_DIR}/package/changelog.Debian.gz" README.md DESTINATION ${doc})
install(FILES config/quickstart.yaml DESTINATION ${doc}/examples)
file(GLOB pages CONFIGURE_DEPENDS docs/*.md docs/openapi.yaml)
list(REMOVE_ITEM pages "${CMAKE_SOURCE_DIR}/docs/CHANGELOG.md")
install(FILES ${pages} DESTINATION ${doc})
install(DIRECTORY docs/examples DESTINATION ${doc})
install(FILES "${packaging}/debian/lintian-overrides" DESTINATION ${CMAKE_INSTALL_DATADIR}/lintian/overrides
        RENAME mqttproxy)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME mqttproxy)
set(CPACK_PACKAGE_CONTACT "The mqttproxy authors <mqttproxy@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "MQTT to Apache Kafka proxy")
set(CPACK_PACKAGE_DESCRIPTION
    "A daemon between MQTT devices and Apache Kafka. Devices speak MQTT 3.1.1;
 what they publish runs through pipelines written in YAML and is acknowledged
 once Kafka has stored it. What a backend posts over HTTP reaches every
 subscribed device.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "adduser, procps") # procps: /bin/kill, for systemctl reload
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "bash-completion, kcat, mosquitto-clients")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
file(WRITE "${CMAKE_BINARY_DIR}/package/conffiles" "/etc/mqttproxy/mqttproxy.yaml\n")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA "${packaging}/debian/postinst" "${packaging}/debian/prerm"
    "${packaging}/debian/postrm" "${CMAKE_BINARY_DIR}/package/conffiles")
include(CPack)
