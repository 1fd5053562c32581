/*
 * bs_pixels.h - all output channels of one or two pixels, the common core of pointwise and kxk convolution.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef BS_PIXELS_H
#define BS_PIXELS_H

#include "bs_dot.h"

/* Two output pixels on their way: their widened inputs, the sums of these, and where the outputs go. */
typedef struct {
    const uint16_t *x;   /* as bs_dot.h has them */
    uint32_t n;          /* codes per pixel: kernel * kernel * in_c */
    uint32_t sum[2];
    uint8_t *out[2];     /* the second is NULL if there is one pixel only */
} bs_pixels;

/* Computes and writes all output channels. */
void bs_run_pixels(const bs_conv *layer, const bs_pixels *pixels);

#endif
