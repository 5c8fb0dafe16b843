// What a caller's numbers may be, so that no kernel reads outside its tensors: the numbers of a
// program's stages, the rows that samples are made of, and draws that are replayed.
#pragma once

#include "augment/params.h"

namespace warpmix {

// Of every stage; the images that it is for are checked by result_size.
void require_stage_numbers(const char* op, const augment::Program& program);

// What lies in host memory: the rows of `index`, and every number of `draws`.
void require_samples(const char* op, const augment::AugmentParams& params);

}  // namespace warpmix
