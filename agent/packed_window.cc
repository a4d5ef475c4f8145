#include "agent/packed_window.h"

#include <zstd.h>

#include <cstdlib>
#include <utility>

#include "agent/columns.h"
#include "agent/window_fields.h"

namespace waitscope {
namespace {

constexpr int kCompressionLevel = 3;

struct FreeCompressor {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};
struct FreeDecompressor {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

// These are our own bytes in our own memory: only want of memory makes this fail.
size_t Require(size_t result) {
  if (ZSTD_isError(result) != 0) std::abort();
  return result;
}

}  // namespace

PackedWindow::PackedWindow(const Snapshot& window, Ref base, Tally tally)
    : begin_ns_(window.begin_ns),
      end_ns_(window.end_ns),
      wall_clock_end_ns_(window.wall_clock_end_ns),
      sequence_(window.sequence),
      base_(std::move(base)),
      tally_(std::move(tally)) {}

PackedWindow::~PackedWindow() { *tally_ -= bytes(); }

PackedWindow::Ref PackedWindow::Pack(Snapshot& window, Ref base, Tally tally) {
  ColumnWriter columns;
  WindowFields fields(columns);
  fields(window);
  const std::string base_plain = base ? WindowUnpacker().Plain(*base) : std::string();
  std::shared_ptr<PackedWindow> packed(new PackedWindow(window, std::move(base), std::move(tally)));
  packed->Compress(columns.Take(), base_plain);
  return packed;
}

void PackedWindow::Compress(const std::string& plain, const std::string& base_plain) {
  const std::unique_ptr<ZSTD_CCtx, FreeCompressor> context(ZSTD_createCCtx());
  const size_t bound = ZSTD_compressBound(plain.size());
  std::string room(bound, '\0');
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, kCompressionLevel);
  // So that the base is within reach of the window's last byte.
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_enableLongDistanceMatching, 1);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_contentSizeFlag, 0);
  Require(ZSTD_CCtx_refPrefix(context.get(), base_plain.data(), base_plain.size()));
  room.resize(
      Require(ZSTD_compress2(context.get(), room.data(), bound, plain.data(), plain.size())));
  plain_bytes_ = plain.size();
  compressed_ = std::string(room);  // without the room it did not need
  *tally_ += bytes();
}

const std::string& WindowUnpacker::BaseOf(const PackedWindow& window) {
  if (window.base_ == nullptr) {
    static const std::string kNothing;
    return kNothing;
  }
  if (base_ != window.base_) {
    base_plain_ = WindowUnpacker().Plain(*window.base_);
    base_ = window.base_;
  }
  return base_plain_;
}

std::string WindowUnpacker::Plain(const PackedWindow& window) {
  const std::string& base_plain = BaseOf(window);
  const std::unique_ptr<ZSTD_DCtx, FreeDecompressor> context(ZSTD_createDCtx());
  std::string plain(window.plain_bytes_, '\0');
  ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, 31);
  Require(ZSTD_DCtx_refPrefix(context.get(), base_plain.data(), base_plain.size()));
  Require(ZSTD_decompressDCtx(context.get(), plain.data(), plain.size(), window.compressed_.data(),
                              window.compressed_.size()));
  return plain;
}

Snapshot WindowUnpacker::Unpack(const PackedWindow& window) {
  const std::string plain = Plain(window);
  ColumnReader columns(plain);
  Snapshot snapshot;
  WindowFields fields(columns);
  fields(snapshot);
  return snapshot;
}

}  // namespace waitscope
