/*
 * bs_pixels.h - all output channels of two pixels at a time, the common core of pointwise and kxk convolution.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef BS_PIXELS_H
#define BS_PIXELS_H

#include "bs_widen.h"

/* Where pixels come from; the first field of what a kernel knows of its input. */
typedef struct bs_source {
    /* Widens the codes under the next one or two outputs to a pair and stores their sums; a single one is widened
       twice. Returns how many there are, 0 at the end. */
    uint32_t (*next)(struct bs_source *source, uint32_t *x, uint32_t sums[2]);
} bs_source;

/* Computes and writes all outputs, in order, from pixels of n codes (kernel * kernel * in_c) each. x has room for a
   pair. Each time, one or two pixels are read, then their outputs are written. */
void bs_run_pixels(const bs_conv *layer, bs_source *source, uint32_t n, uint32_t *x, uint8_t *out);

#endif
