// What a caller's numbers may be, so that no kernel reads outside its tensors: the numbers of a
// program's stages, the rows that samples are made of, and draws that are replayed.
#pragma once

#include "augment/params.h"

namespace warpmix {

// Of every stage; the images that it is for are checked by result_size.
void require_stage_numbers(const char* op, const augment::Program& program);

// Images of sizes of their own, which lie in host memory.
void require_images(const char* op, const augment::ImageSource& source);

// What crops of such images reach for.
void require_crops(const char* op, const augment::AugmentParams& params);

// Stage `index` for image `row`, where images have sizes of their own.
augment::Stage of_image(const char* op, const augment::AugmentParams& params, int32_t index,
                        int64_t row);

// What lies in host memory: the rows of `index`, what crops reach for, and every number of `draws`.
void require_samples(const char* op, const augment::AugmentParams& params);

// Stops at a program whose sections hold what they may not. Counts its means.
void require_normal_form(const char* op, augment::Program& program);

}  // namespace warpmix
