// Replays a case file on the operators that are linked, and compares every output bit for bit.
//   driver LIBRARY FILE [VARIANT [PART PARTS [FIRST]]]
// loads the operators and runs the cases from FIRST on whose number is PART modulo PARTS. The exit
// code is 1 where one fails. (A library, since the CPU's function versions are chosen while it is
// loaded, by functions that ThreadSanitizer must be ready for.)
#include <dlfcn.h>
#include <sanitizer/common_interface_defs.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "backend.h"
#include "case_file.h"

namespace {

using device::Case;
using stand_in::Tensor;

constexpr int kShownFailures = 20;
char running[600] = "no case";

// The last line of a sanitizer's report, and of what ends in abort().
void print_running() { std::fprintf(stderr, "in %s\n", running); }
void print_at_abort(int) { print_running(); }

void print_failure(const std::string& what) {
  static int shown = 0;
  if (shown++ < kShownFailures) {
    std::printf("FAILED %s: %s\n", running, what.c_str());
  }
}

// An empty text where a tensor has the bytes of the file.
std::string difference(const Case& one, size_t argument) {
  const std::vector<char>& want = one.expected[argument];
  if (want.empty()) {
    return "";
  }
  const Tensor& tensor = std::get<Tensor>(one.arguments[argument]);
  const char* got = static_cast<const char*>(tensor.const_data_ptr());
  const size_t size = torch::headeronly::element_size(tensor.scalar_type());
  size_t differ = 0, first = 0;
  for (size_t i = 0; i < want.size(); i += size) {
    if (std::memcmp(got + i, &want[i], size) != 0) {
      first = differ++ == 0 ? i / size : first;
    }
  }
  if (differ == 0) {
    return "";
  }
  return "argument " + std::to_string(argument) + ": " + std::to_string(differ) + " of " +
         std::to_string(want.size() / size) + " elements differ, the first is " +
         std::to_string(first);
}

bool run(const Case& one) {
  const auto found = stand_in::operators().find(one.op);
  if (found == stand_in::operators().end()) {
    print_failure("no operator of this name is linked");
    return false;
  }
  try {
    found->second(one.arguments);
  } catch (const std::exception& error) {
    if (!one.is_refused) {
      print_failure(std::string("refused: ") + error.what());
    }
    return one.is_refused;
  }
  if (one.is_refused) {
    print_failure("must be refused, and was not");
    return false;
  }
  bool same = true;
  for (size_t i = 0; i < one.arguments.size(); ++i) {
    const std::string text = difference(one, i);
    if (!text.empty()) {
      print_failure(text);
      same = false;
    }
  }
  return same;
}

}  // namespace

int main(int count, char** words) {
  const int variant = count > 3 ? std::atoi(words[3]) : 0;
  const uint32_t part = count > 5 ? std::atoi(words[4]) : 0;
  const uint32_t parts = count > 5 ? std::atoi(words[5]) : 1;
  const uint32_t first = count > 6 ? std::atoi(words[6]) : 0;
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  __sanitizer_set_death_callback(print_running);
  std::signal(SIGABRT, print_at_abort);
  void* library = dlopen(words[1], RTLD_NOW);
  STD_TORCH_CHECK(library != nullptr, dlerror());
  const auto get = reinterpret_cast<decltype(&device_backend)>(dlsym(library, "device_backend"));
  const device::Backend& backend = *get();
  backend.vary(variant);
  device::CaseFile file(words[2]);
  int done = 0, failed = 0;
  for (uint32_t number = 0; number < file.count(); ++number) {
    if (number % parts != part || number < first) {
      file.skip();
      continue;
    }
    const Case one = file.next();
    std::snprintf(running, sizeof running, "case %u: %s [%s], variant %d", number, one.op.c_str(),
                  one.label.c_str(), variant);
    backend.begin(number);
    done += 1;
    failed += run(one) ? 0 : 1;
  }
  std::snprintf(running, sizeof running, "no case");
  std::printf("%d cases, %d failed; ", done, failed);
  const bool complete = backend.report(parts == 1);
  return failed == 0 && done > 0 && complete ? 0 : 1;
}
