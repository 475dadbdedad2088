# Compile options every target of ours shares.
add_library(mqttproxy_options INTERFACE)
target_compile_features(mqttproxy_options INTERFACE cxx_std_20)
target_include_directories(mqttproxy_options INTERFACE "${CMAKE_SOURCE_DIR}/include")
target_compile_options(mqttproxy_options INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Wshadow)
if(MQTTPROXY_WERROR)
  target_compile_options(mqttproxy_options INTERFACE -Werror)
endif()
# What makes an overflow harder to use: position independent code, canaries, checked copies, no jump to where none should
# be, no writable relocation table.
target_compile_options(mqttproxy_options INTERFACE -fPIE)
set(hardening -fstack-protector-strong -fstack-clash-protection -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
target_compile_options(mqttproxy_options INTERFACE "$<$<NOT:$<CONFIG:Debug>>:${hardening}>")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  target_compile_options(mqttproxy_options INTERFACE -fcf-protection=full)
endif()
target_link_options(mqttproxy_options INTERFACE -pie -Wl,-z,relro,-z,now,-z,noexecstack)
if(MQTTPROXY_SANITIZE)
  target_compile_options(mqttproxy_options INTERFACE -fsanitize=${MQTTPROXY_SANITIZE} -fno-omit-frame-pointer
                         -fno-sanitize-recover=all)
  target_link_options(mqttproxy_options INTERFACE -fsanitize=${MQTTPROXY_SANITIZE})
  # gcc 12 loses track of std::optional in instrumented code and warns of what cannot happen.
  target_compile_options(mqttproxy_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  if(MQTTPROXY_SANITIZE STREQUAL "thread")  # Asio has a fence that gcc says it cannot follow; it guards nothing of ours
    target_compile_options(mqttproxy_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-tsan>)
  endif()
endif()

# mqttproxy_room(NAME SOURCES a.cpp b.cpp LINK other_room pkg::lib)
# One static library per room, alias mqttproxy::NAME.
function(mqttproxy_room name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_library(mqttproxy_${name} STATIC ${ARG_SOURCES})
  add_library(mqttproxy::${name} ALIAS mqttproxy_${name})
  target_link_libraries(mqttproxy_${name} PUBLIC mqttproxy_options ${ARG_LINK})
endfunction()

# mqttproxy_test(NAME LABEL unit SOURCES … LINK …): a GoogleTest program, registered with ctest case by case.
function(mqttproxy_test name)
  cmake_parse_arguments(ARG "" "LABEL" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} GTest::gmock GTest::gtest_main)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")
  include(GoogleTest)
  gtest_discover_tests(${name} PROPERTIES LABELS ${ARG_LABEL} DISCOVERY_TIMEOUT 60)
endfunction()
