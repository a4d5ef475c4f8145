// A library in the place of libdebuginfod: it creates the file that it is given for a build id.
#include <elfutils/debuginfod.h>
#include <fcntl.h>

#include <cerrno>

debuginfod_client* debuginfod_begin() {
  static char client;
  return reinterpret_cast<debuginfod_client*>(&client);
}

int debuginfod_find_debuginfo(debuginfod_client*, const unsigned char* build_id, int, char**) {
  const int file = open(reinterpret_cast<const char*>(build_id), O_CREAT | O_WRONLY, 0600);
  return file < 0 ? -errno : file;
}
