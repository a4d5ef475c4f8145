#include "agent/sinks/codec_samples.h"

#include "agent/sinks/words.h"

namespace waitscope {

v1::Sample SampleEncoder::Encode(const SampleKey& key, const SampleValue& value) const {
  v1::Sample sample;
  sample.set_class_(std::string(SampleWord(key)));
  sample.set_ns(Rounded(value.ns));
  sample.set_count(Rounded(value.count));
  sample.set_longest_ns(value.longest_ns);
  sample.set_kernel_stack(interner_.Index(key.kernel_stack));
  sample.set_user_stack(interner_.Index(key.user_stack));
  sample.set_syscall(SyscallName(key.syscall));
  sample.set_open(key.open);
  SetObject(key, value, sample);
  SetWaker(key, sample);
  return sample;
}

void SampleEncoder::SetObject(const SampleKey& key, const SampleValue& value,
                              v1::Sample& sample) const {
  if (key.object != 0 && key.object < snapshot_.objects.size()) {
    *sample.mutable_object() = EncodeObject(snapshot_, snapshot_.objects[key.object]);
  }
  if (key.device == 0) return;
  sample.set_device(DeviceName(snapshot_, key.device));
  sample.set_device_ns(value.device_ns);
  sample.set_queue_ns(value.queue_ns);
}

void SampleEncoder::SetWaker(const SampleKey& key, v1::Sample& sample) const {
  if (key.context == WAKER_none) return;
  *sample.mutable_waker() = EncodeWaker(snapshot_, key);
  sample.set_waker_context(std::string(WakerContextWord(key.context)));
  sample.set_waker_kernel_stack(interner_.Index(key.waker_kernel_stack));
  sample.set_waker_user_stack(interner_.Index(key.waker_user_stack));
}

}  // namespace waitscope
