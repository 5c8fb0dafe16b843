// A launch's stages, from the words that the ops take as `program`.
#pragma once

#include <cstdint>
#include <vector>

#include "augment/params.h"

namespace warpmix {

// Words of a program: count, map_begin, map_end, geometry_end, color_end, mix_begin, mix_end,
// map_border, p, clips (0 or 1), how many fills (1, or one a channel), the fills; and for each
// stage kind, stream, block, p, choice_stream, choice_low, choice_high, mean, width, height, and
// the kind's own fields (kKinds). Floats are their bits. python/warpmix/augment/program.py writes
// them. Anything that the kernels' fixed arrays and switches do not expect is refused.
augment::Program parse_program(const char* op, const std::vector<int64_t>& words);

struct Size {
  int32_t height;
  int32_t width;
};

// Of the result for images of a size; a program for images of another is refused.
Size result_size(const char* op, const augment::Program& program, Size images);

// Some contrast pivots on a mean of the source image.
bool needs_sums(const augment::Program& program);

bool needs_rgb(const augment::Program& program);

}  // namespace warpmix
