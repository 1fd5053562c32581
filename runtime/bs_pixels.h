/*
 * bs_pixels.h - all output channels of two pixels, the common core of pointwise and kxk convolution.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef BS_PIXELS_H
#define BS_PIXELS_H

#include "bs_dot.h"
#include "bs_writer.h"

/* Computes and writes all output channels of two pixels, given their n widened inputs each (kernel * kernel *
   in_c) and the sums of these. A single pixel is given twice, also to the writer. */
void bs_run_pixels(const bs_conv *layer, const uint16_t *x, uint32_t n, const uint32_t sums[2],
                   bs_writer *writer);

#endif
