/*
 * bitsmith.h - integer inference of convolutional networks with 2-, 4- and 8-bit tensors.
 *
 * Every tensor has its own width. The functions below run one layer each; a generated network.c calls them
 * in order with constant descriptors. They use no heap, no floating point and no mutable globals, call
 * nothing but memcpy and memset, and are re-entrant.
 *
 * Tensors     unsigned codes, rows of pixels, channels innermost, the lowest channel in the lowest bits.
 *             Every pixel starts on a byte and takes ceil(channels * bits / 8) bytes; spare bits are written
 *             as zero and never looked at.
 * Weights     unsigned codes, lowest bits first. Convolution and linear: one row per output channel, in the
 *             order [kernel][kernel][in_c]. Depthwise: one row per tap, [kernel * kernel][channels]. Every
 *             row starts on a byte. Up to three bytes behind the last row are read and ignored, so they must
 *             exist; in a package they are parameters.
 * Parameters  per output channel; int32 bias[out_c], int32 multiplier[out_c], uint8 shift[out_c] (1 to 62),
 *             uint8 weight_zero[out_c], one table after the other.
 * Arithmetic  acc = bias + sum of in * (weight - weight_zero), modulo 2^32;
 *             out = clamp(out_zero + floor(acc * multiplier / 2^shift), 0, 2^out_bits - 1), exactly.
 *             With a shift below 32 the multiplier of an output of codes is 0 or at least 2^30 in size.
 *             Products of maps: acc = bias + (a - zero[0]) * (gate - zero[1]), then the same.
 *
 * Builds      Cores with the DSP extension (Cortex-M4, -M7, -M33) get kernels for it, by the compiler's own macros
 *             and with the same results; all others, and all builds with BS_PORTABLE defined, get portable C11.
 *
 * Overlap     Kernels with one input read it front to back and write the output front to back, so the output
 *             may lie over its own input, at a lower or equal address, if it never overtakes the reader:
 *               pointwise   two pixels are read, then their outputs are written;
 *               linear      everything is read before the first logit is written;
 *               conv, depthwise (both) with block = channels
 *                           before output row y is written, the input up to row
 *                           y * stride - pad_top + kernel - 1 has been read;
 *               depthwise with block < channels
 *                           only exactly in place, with stride 1 and in_bits = out_bits;
 *               add, multiply, lookup with out_channels = channels
 *                           four channels of a pixel are read, then written;
 *               window pools
 *                           four channels of all pixels under a window are read, then four of the output's pixel
 *                           are written;
 *               global pools, lookup with out_channels > channels
 *                           no overlap.
 *             A product never lies over its gate, which is read once more for every pixel.
 *
 * Scratch must be aligned to 4 bytes and may hold anything; its size is given by the bs_scratch_* functions.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef BITSMITH_H
#define BITSMITH_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Outcome of a call. Arguments are checked if the runtime is compiled with BS_CHECK=1, else BS_OK is
   returned. */
typedef enum {
    BS_OK = 0,
    BS_ERROR_ARGUMENT, /* a descriptor that no kernel can run, or a null pointer */
    BS_ERROR_ARENA     /* scratch, arena or logits are not aligned */
} bs_status;

/* A layer with weights: convolution, depthwise convolution, linear. */
typedef struct {
    const uint8_t *weights;        /* packed codes, any alignment */
    const int32_t *params;         /* tables of the output channels, see above */
    uint16_t in_h, in_w, in_c;     /* input map: rows, columns, channels */
    uint16_t out_h, out_w, out_c;  /* output map */
    uint8_t kernel, stride;        /* side and step of the window in pixels */
    uint8_t pad_top, pad_left;     /* rows and columns of padding; those below and to the right follow */
    uint8_t in_bits, weight_bits, out_bits; /* widths: 2, 4 or 8 */
    uint8_t out_zero;              /* code of zero in the output */
    uint8_t pad_code[3];           /* code of zero in the input: one per channel for bs_conv_first with three
                                      channels, else the first is that of all channels */
    uint8_t reserved;
    uint16_t block;                /* depthwise: channels at a time, in_c or a multiple of 16 */
    uint16_t reserved2;
} bs_conv;

/* Global average pool: out = requantized (bias + sum of the codes of a channel). */
typedef struct {
    int32_t bias, multiplier;
    uint16_t in_h, in_w, channels;
    uint8_t in_bits, out_bits, shift, out_zero;
} bs_pool;

/* Function of each code, by a table. The output may be some channels of a larger map: of a concatenation, one call for
   each input in the order of their channels. A byte that two inputs share is begun by the one and completed by the
   other. */
typedef struct {
    const uint8_t *table;          /* codes of the output by those of the input, 2^in_bits of them; any alignment */
    uint16_t h, w, channels;       /* map that is read */
    uint16_t out_channels;         /* of the map that is written; its rows and columns are the same */
    uint16_t out_first;            /* the first of them that is written; the last is channels - 1 further */
    uint8_t in_bits, out_bits;
} bs_lookup;

/* Product of a map and one number for each channel, a map of one pixel: see Arithmetic. */
typedef struct {
    int32_t bias, multiplier;
    uint16_t h, w, channels;
    uint8_t bits[2], zero[2];      /* of map and gate: width, code of zero */
    uint8_t out_bits, shift, out_zero;
} bs_multiply;

/* Residual add: out = clamp(floor((a * multiplier[0] + b * multiplier[1] + offset) / 2^shift), 0, 2^out_bits
   - 1) with a shift of 0 to 30. Products, offset and their partial sums must stay within int32 for all codes. */
typedef struct {
    int32_t multiplier[2], offset;
    uint16_t h, w, channels;
    uint8_t bits[2], out_bits, shift;
} bs_add;

/* Pool with a window. What lies outside the map is left out; every window must cover at least one pixel. The output's codes
   stand for the same numbers as those of the input. */
typedef struct {
    uint16_t in_h, in_w, channels; /* input map */
    uint16_t out_h, out_w;         /* output map */
    uint8_t kernel, stride;        /* side, 1 to 11, and step of the window in pixels */
    uint8_t pad_top, pad_left;     /* rows and columns outside the map, less than kernel */
    uint8_t bits;                  /* of input and output */
    uint8_t reserved;
} bs_window;

/* Convolution with kernel 1 and stride 1. */
bs_status bs_pointwise(const bs_conv *layer, const uint8_t *in, uint8_t *out, void *scratch);

/* Convolution over all channels with any kernel and stride, made for the first layer. */
bs_status bs_conv_first(const bs_conv *layer, const uint8_t *in, uint8_t *out, void *scratch);

/* Convolution of each channel by itself; kernel 3 or 5. */
bs_status bs_depthwise(const bs_conv *layer, const uint8_t *in, uint8_t *out, void *scratch);

/* Convolution of each channel by itself; kernel 1 to 11 but 3 and 5. With the DSP extension 7 takes less for each product
   than 5 does. The others have no code of their own and take more, the smaller they are. */
bs_status bs_depthwise_any(const bs_conv *layer, const uint8_t *in, uint8_t *out, void *scratch);

/* Linear layer on a map of one pixel: logits[i] = floor(acc * multiplier / 2^shift), saturated to int32. */
bs_status bs_linear(const bs_conv *layer, const uint8_t *in, int32_t *logits, void *scratch);

/* Global average pool. */
bs_status bs_avgpool(const bs_pool *layer, const uint8_t *in, uint8_t *out);

/* Global average pool that gives logits: floor((bias + sum of codes) * multiplier / 2^shift), saturated to int32. Width
   and code of zero of the output are not looked at. */
bs_status bs_avgpool_logits(const bs_pool *layer, const uint8_t *in, int32_t *logits);

/* Function of each code of a map. */
bs_status bs_lookup_codes(const bs_lookup *layer, const uint8_t *in, uint8_t *out);

/* Product of a map and a number for each of its channels. */
bs_status bs_multiply_channels(const bs_multiply *layer, const uint8_t *in, const uint8_t *gate, uint8_t *out);

/* Residual add of two maps of the same shape. */
bs_status bs_residual_add(const bs_add *layer, const uint8_t *a, const uint8_t *b, uint8_t *out);

/* Max pool: the largest code of a channel under each window. */
bs_status bs_window_max(const bs_window *layer, const uint8_t *in, uint8_t *out);

/* Average pool: floor((2 * sum + count) / (2 * count)) of the count codes of a channel under each window. */
bs_status bs_window_average(const bs_window *layer, const uint8_t *in, uint8_t *out);

/* Bytes of scratch that each kernel needs for a layer. Pools, lookup, multiply and add need none. */
size_t bs_scratch_pointwise(const bs_conv *layer);
size_t bs_scratch_conv_first(const bs_conv *layer);
size_t bs_scratch_depthwise(const bs_conv *layer); /* bs_depthwise and bs_depthwise_any */
size_t bs_scratch_linear(const bs_conv *layer);

#ifdef __cplusplus
}
#endif

#endif
