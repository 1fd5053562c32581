/*
 * bs_line_dsp.h - rows of a depthwise convolution for cores with the DSP extension.
 *
 * A word of four columns is taken apart into columns 0 and 2, and 1 and 3. One pair meets the weights of a window,
 * the other those of the next window, which lies one column further.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef BS_LINE_DSP_H
#define BS_LINE_DSP_H

#include "bs_line.h"

/* ---- 3x3 ---- */

/* Weights of a window: the outer two of each row, the middle ones of rows 0 and 1, that of row 2. */
typedef struct {
    uint32_t outer0, outer1, outer2, middle01, middle2;
} bs_taps;

/* Weights of a window, from the widened ones of its channel. */
BS_INLINE bs_taps bs_taps_of(const uint8_t *weights)
{
    const bs_taps taps = {bs_load_word(weights), bs_load_word(weights + 4), bs_load_word(weights + 8),
                          bs_load_word(weights + 12), bs_load_word(weights + 16)};
    return taps;
}

/* acc = bias + products */
#define BS_FROM_BIAS(acc, a, b) BS_SMLAD_TO(acc, a, b, bias)

/* Adds one row of two neighbouring windows, and moves on by two columns. */
#define BS_DENSE_ROW(row, ADD, outer, middle, half) \
    do {                                            \
        uint32_t word, even, odd;                   \
        BS_LOAD_NEXT(word, row, 2);                 \
        BS_TAKE_BYTES(even, word, 0);               \
        BS_TAKE_BYTES(odd, word, 8);                \
        ADD(acc0, even, outer);                     \
        ADD(acc1, odd, outer);                      \
        BS_SMLA("b" half, acc0, odd, middle);       \
        BS_SMLA("t" half, acc1, even, middle);      \
    } while (0)

static void bs_dense_3(const bs_line *line)
{
    const bs_output output = bs_output_of(line->planes.layer);
    const uint32_t width = line->planes.layer->out_w;
    const uint8_t *weights = (const uint8_t *)line->weights;
    const uint8_t *row0 = line->rows[0];
    const uint8_t *row1 = line->rows[1];
    const uint8_t *row2 = line->rows[2];
    uint8_t *out = line->rows[0];
    const uint32_t skip = line->planes.width - bs_round_up(width, 2);
    for (uint32_t c = 0; c < line->planes.channels; c++) {
        const bs_taps taps = bs_taps_of(weights);
        const bs_start start = bs_start_of(line, c);
        const uint32_t bias = start.bias;
        const uint32_t shift = start.shift;
        const int32_t multiplier = line->tables.multiplier[c];
        const uint8_t *const end = out + width;
        do {
            uint32_t acc0, acc1;
            BS_DENSE_ROW(row0, BS_FROM_BIAS, taps.outer0, taps.middle01, "b");
            BS_DENSE_ROW(row1, BS_SMLAD, taps.outer1, taps.middle01, "t");
            BS_DENSE_ROW(row2, BS_SMLAD, taps.outer2, taps.middle2, "b");
            const uint32_t code0 = bs_quick_code(&output, acc0, multiplier, shift);
            const uint32_t code1 = bs_quick_code(&output, acc1, multiplier, shift);
            out[0] = (uint8_t)code0;
            out[1] = (uint8_t)code1;
            out += 2;
        } while (out < end);
        weights += 20;
        row0 += skip;
        row1 += skip;
        row2 += skip;
        out += skip;
    }
}

/* Adds one row of the window at column x. */
#define BS_ANY_ROW(row, ADD, outer, middle, half) \
    do {                                          \
        uint32_t word, even, odd;                 \
        BS_LOAD_AT(word, row, x);                 \
        BS_TAKE_BYTES(even, word, 0);             \
        BS_TAKE_BYTES(odd, word, 8);              \
        ADD(acc, even, outer);                    \
        BS_SMLA("b" half, acc, odd, middle);      \
    } while (0)

static void bs_any_3(const bs_line *line)
{
    const bs_output output = bs_output_of(line->planes.layer);
    const uint32_t width = line->planes.layer->out_w;
    const uint32_t stride = line->planes.layer->stride;
    const uint8_t *weights = (const uint8_t *)line->weights;
    uint8_t *row0 = line->rows[0];
    const uint8_t *row1 = line->rows[1];
    const uint8_t *row2 = line->rows[2];
    for (uint32_t c = 0; c < line->planes.channels; c++) {
        const bs_taps taps = bs_taps_of(weights);
        const bs_start start = bs_start_of(line, c);
        const uint32_t bias = start.bias;
        const uint32_t shift = start.shift;
        const int32_t multiplier = line->tables.multiplier[c];
        uint8_t *out = row0;
        const uint8_t *const end = out + width;
        for (uint32_t x = 0; out != end; x += stride) {
            uint32_t acc;
            BS_ANY_ROW(row0, BS_FROM_BIAS, taps.outer0, taps.middle01, "b");
            BS_ANY_ROW(row1, BS_SMLAD, taps.outer1, taps.middle01, "t");
            BS_ANY_ROW(row2, BS_SMLAD, taps.outer2, taps.middle2, "b");
            *out++ = (uint8_t)bs_any_code(&output, acc, multiplier, shift);
        }
        weights += 20;
        row0 += line->planes.width;
        row1 += line->planes.width;
        row2 += line->planes.width;
    }
}

/* ---- 5x5 ---- */

/* Adds one row of the window at a column. */
#define BS_ROW_5(acc, column)              \
    do {                                   \
        uint32_t word, even, odd;          \
        BS_LOAD_AT(word, *row, column);    \
        BS_TAKE_BYTES(even, word, 0);      \
        BS_TAKE_BYTES(odd, word, 8);       \
        BS_SMLAD(acc, even, pair0);        \
        BS_SMLAD(acc, odd, pair1);         \
        word = (*row)[(column) + 4];       \
        BS_SMLA("bb", acc, word, weight);  \
    } while (0)

static void bs_line_5(const bs_line *line)
{
    const bs_output output = bs_output_of(line->planes.layer);
    const uint32_t width = line->planes.layer->out_w;
    const uint32_t stride = line->planes.layer->stride;
    const int16_t *weights = line->weights;
    uint32_t first = 0; /* column in the rows of the first channel */
    for (uint32_t c = 0; c < line->planes.channels; c++) {
        const int32_t multiplier = line->tables.multiplier[c];
        const bs_start start = bs_start_of(line, c);
        uint32_t x0 = first;
        for (uint32_t i = 0; i < width; i += 2) {
            const uint32_t x1 = i + 1 < width ? x0 + stride : x0;
            const int16_t *pairs = weights;
            const int16_t *last = weights + 20;
            uint32_t acc0 = start.bias;
            uint32_t acc1 = start.bias;
            for (uint8_t *const *row = line->rows; row != line->rows + 5; row++) {
                uint32_t pair0, pair1;
                BS_LOAD_TWO(pair0, pair1, pairs);
                const int32_t weight = *last++;
                BS_ROW_5(acc0, x0);
                BS_ROW_5(acc1, x1);
            }
            uint8_t *const out = line->rows[0] + first + i;
            out[0] = (uint8_t)bs_any_code(&output, acc0, multiplier, start.shift);
            out[1] = (uint8_t)bs_any_code(&output, acc1, multiplier, start.shift);
            x0 = x1 + stride;
        }
        weights += 26;
        first += line->planes.width;
    }
}

#endif
