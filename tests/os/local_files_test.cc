#include "agent/os/local_files.h"

#include <gmock/gmock.h>

#include <string>

namespace waitscope {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(LocalFiles, DisksAreLocalAndNetworksAndDaemonsAreNot) {
  EXPECT_THAT(
      LocalDevices("22 1 254:1 / / rw,relatime - ext4 /dev/vda1 rw\n"
                   "23 22 0:5 / /proc rw - proc proc rw\n"
                   "24 22 0:40 / /net rw shared:1 - nfs4 server:/ rw\n"
                   "25 22 0:41 / /home/a/mnt rw shared:2 - fuse.sshfs host: rw\n"
                   "26 22 8:17 / /stick rw - fuseblk /dev/sdb1 rw\n"
                   "27 22 0:42 / /merged rw master:3 propagate_from:2 - overlay overlay rw\n"),
      ElementsAre(42, 254ULL << 32 | 1));
}

TEST(LocalFiles, AMountPointCannotPassForAFileSystem) {
  EXPECT_THAT(LocalDevices("25 22 0:41 / /a\\040-\\040ext4 rw - fuse.x x rw\n"), IsEmpty());
}

TEST(LocalFiles, TextThatTellsOfNoMountsHasNoDevices) {
  for (const std::string text : {"", "\n", "-", "- ext4", "1 2 3 - ext4", "1 2 8:x - ext4 x",
                                 "1 2 8:1 / / rw -", "1 2 8:1 / / rw"}) {
    EXPECT_THAT(LocalDevices(text), IsEmpty()) << text;
  }
}

}  // namespace
}  // namespace waitscope
