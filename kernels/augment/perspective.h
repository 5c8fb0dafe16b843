// Perspective: to which quadrilateral an image's corners move, and the projection that does it.
#pragma once

#include "projection.h"
#include "random.h"

namespace warpmix::augment {

// torchvision's corners: each within `reach` pixels of its own, along each axis.
HOST_DEVICE PerspectiveDraw draw_perspective(const AugmentParams& params, const Stage& stage,
                                             int64_t id) {
  const int32_t across = stage.perspective.reach_x;
  const int32_t down = stage.perspective.reach_y;
  const int32_t right = stage.width - across;
  const int32_t bottom = stage.height - down;
  const auto point = [&](int32_t x, uint32_t x_word, int32_t y, uint32_t y_word) {
    return Point{static_cast<uint16_t>(x + uniform_below(x_word, across)),
                 static_cast<uint16_t>(y + uniform_below(y_word, down))};
  };
  const Philox4 above = random_words(params, id, stage.stream, 1);
  const Philox4 below = random_words(params, id, stage.stream, 2);
  return {point(0, above.word[0], 0, above.word[1]), point(right, above.word[2], 0, above.word[3]),
          point(right, below.word[0], bottom, below.word[1]),
          point(0, below.word[2], bottom, below.word[3])};
}

struct Corner {
  double x, y;
};

HOST_DEVICE Corner corner_of(Point point) {
  return {static_cast<double>(point.x), static_cast<double>(point.y)};
}

// a x + b y + c, which is 0 on the line from one corner to another and their distance times that
// from it elsewhere. Corners are whole numbers below 2^16, so that all of these are exact.
struct Line {
  double a, b, c;

  HOST_DEVICE Line(Corner from, Corner to)
      : a(from.y - to.y), b(to.x - from.x), c(-(a * from.x + b * from.y)) {}

  HOST_DEVICE double at(Corner point) const { return a * point.x + b * point.y + c; }
};

// From the quadrilateral to the image of the stage; where three corners lie on one line there is
// none, and the image stays as it is. The source's x is 0 on the left side and width - 1 on the
// right one, so it is the left side's line over a plane w, and y likewise the upper side's. w is 1
// at the lower right corner, and what it must be at the two beside it. In double, so that a
// coefficient is rounded once: torchvision's, of a least-squares solution in double, differ by an
// ulp or two.
HOST_DEVICE Projection perspective_projection(const Stage& stage, const PerspectiveDraw& draw) {
  Projection projection =
      projection_of({{1.0f, 0.0f, 0.0f, 0.0f, 1.0f, 0.0f}, false}, stage.perspective.interpolation);
  const Corner first = corner_of(draw.top_left);
  const Corner second = corner_of(draw.top_right);
  const Corner third = corner_of(draw.bottom_right);
  const Corner fourth = corner_of(draw.bottom_left);
  const Line left(first, fourth);
  const Line top(first, second);
  const double left_second = left.at(second);  // of the upper side, at the fourth, the negative
  const double left_third = left.at(third);
  const double top_third = top.at(third);
  const Corner right = {second.x - third.x, second.y - third.y};
  const Corner bottom = {fourth.x - third.x, fourth.y - third.y};
  const double area = right.x * bottom.y - right.y * bottom.x;
  const double top_area = top_third * area;
  const double left_area = left_third * area;
  const double whole = left_third * top_area;  // what all is a multiple of, until it is divided
  if (left_second == 0.0 || whole == 0.0) {
    return projection;
  }
  const double rise_right = (left_second - left_third) * top_third;
  const double rise_bottom = (left_second + top_third) * left_third;
  const double g = rise_right * bottom.y + rise_bottom * right.y;
  const double h = -(rise_bottom * right.x + rise_right * bottom.x);
  const double u = static_cast<double>(stage.width - 1);
  const double v = static_cast<double>(stage.height - 1);
  // Corners are counted, as torchvision does, by the pixels' edges, of which centres are half a
  // pixel away: there in the result, and back in the source.
  const double a = (u * left.a) * top_area;
  const double b = (u * left.b) * top_area;
  const double d = (v * top.a) * left_area;
  const double e = (v * top.b) * left_area;
  const double c = (u * left.c) * top_area + 0.5 * (a + b);
  const double f = (v * top.c) * left_area + 0.5 * (d + e);
  const double i = (whole - (g * third.x + h * third.y)) + 0.5 * (g + h);
  const double m[9] = {
      a - 0.5 * g, b - 0.5 * h, c - 0.5 * i, d - 0.5 * g, e - 0.5 * h, f - 0.5 * i, g, h, i};
  const double scale = 1.0 / whole;
  UNROLL
  for (int k = 0; k < 9; ++k) {
    projection.m[k] = static_cast<float>(m[k] * scale);
  }
  projection.is_affine =
      projection.m[6] == 0.0f && projection.m[7] == 0.0f && projection.m[8] == 1.0f;
  return projection;
}

}  // namespace warpmix::augment
