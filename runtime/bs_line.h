/*
 * bs_line.h - rows of output of a depthwise convolution, channel by channel, from planes of input rows.
 *
 * Widened weights have no zero points and stand in the order in which a build takes them. Words of columns are
 * read whole: up to two bytes behind the last window, which the widened weights behind the planes provide.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef BS_LINE_H
#define BS_LINE_H

#include "bs_code.h"
#include "bs_planes.h"

/* Largest kernel. */
#define BS_MOST_KERNEL 11

/* Widened weights of one channel. */
BS_INLINE uint32_t bs_tap_count(uint32_t kernel)
{
    return bs_round_up(kernel * kernel, 2);
}

/* One row of output of some channels. The codes of a channel, one byte each, to be limited by bs_limit_four, are
   written over its columns in rows[0]; of a kernel from 3 on there may be one more than columns of output. */
typedef struct {
    bs_planes planes;
    uint8_t *rows[BS_MOST_KERNEL]; /* columns under the first window of the first channel, as many as the kernel has */
    const int16_t *weights;
    bs_channels tables;    /* of the first channel */
} bs_line;

/* Places by which the widened weights of a channel are shifted up, instead of a shift below 32 afterwards. Outputs
   from 2-bit inputs need that. */
BS_INLINE uint32_t bs_weights_up(uint32_t shift, uint32_t weight_bits)
{
    /* As far as weights fit 16 bits; beyond 12 see bs_requantize. */
    const uint32_t most = bs_min(15 - weight_bits, 12);
    const uint32_t up = 32 - shift;
    return up <= most ? up : 0;
}

/* Where the sums of a channel start, and their shift, less 32. */
typedef struct {
    uint32_t bias, shift;
} bs_start;

/* The start of a channel whose weights are shifted up. */
bs_start bs_start_up(const bs_line *line, uint32_t channel);

BS_INLINE bs_start bs_start_of(const bs_line *line, uint32_t channel)
{
    const bs_start start = {(uint32_t)line->tables.bias[channel], line->tables.shift[channel] - 32u};
    return bs_is_quick(start.shift) ? start : bs_start_up(line, channel);
}

/* Code of an accumulator with any shift, given less 32. */
BS_INLINE uint32_t bs_any_code(const bs_output *output, uint32_t acc, int32_t multiplier, uint32_t shift)
{
    if (bs_is_quick(shift)) {
        return bs_quick_code(output, acc, multiplier, shift);
    }
    return bs_requantize(output, acc, multiplier, shift + 32);
}

/* Where a weight of the window, counted row by row, stands among the widened ones of its channel. */
#if BS_DSP
uint32_t bs_tap_position(uint32_t kernel, uint32_t tap);
#else
BS_INLINE uint32_t bs_tap_position(uint32_t kernel, uint32_t tap)
{
    (void)kernel;
    return tap;
}
#endif

/* Computes a row. `dense` promises stride 1 and shifts that suit bs_quick_code. */
typedef void (*bs_line_function)(const bs_line *line, bool dense);

/* Runs a depthwise convolution, row by row. */
void bs_run_blocks(const bs_conv *layer, const uint8_t *in, uint8_t *out, void *scratch, bs_line_function run_line);

#endif
