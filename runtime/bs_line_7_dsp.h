/*
 * bs_line_7_dsp.h - rows of a 7x7 depthwise convolution for cores with the DSP extension.
 *
 * Words of four columns are taken apart as in bs_line_dsp.h. With stride 1 the eight columns under a row of two
 * neighbouring windows are loaded once for both.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef BS_LINE_7_DSP_H
#define BS_LINE_7_DSP_H

#include "bs_line.h"

/* Takes the next four columns apart, and moves on by them. */
#define BS_TAKE_FOUR(even, odd, columns) \
    do {                                 \
        uint32_t word;                   \
        BS_LOAD_NEXT(word, columns, 4);  \
        BS_TAKE_BYTES(even, word, 0);    \
        BS_TAKE_BYTES(odd, word, 8);     \
    } while (0)

/* Adds a row of two neighbouring windows. */
#define BS_DENSE_ROW_7(columns)                            \
    do {                                                   \
        uint32_t even, odd, next_even, next_odd, between;  \
        BS_TAKE_FOUR(even, odd, columns);                  \
        BS_SMLAD(acc0, even, pair0);                       \
        BS_SMLAD(acc0, odd, pair1);                        \
        BS_SMLAD(acc1, odd, pair0);                        \
        BS_TAKE_FOUR(next_even, next_odd, columns);        \
        BS_JOIN_ENDS(between, next_even, even);            \
        BS_SMLADX(acc1, between, pair1);                   \
        BS_SMLAD(acc0, next_even, pair2);                  \
        BS_SMLAD(acc1, next_odd, pair2);                   \
        BS_SMLA("bb", acc0, next_odd, weight);             \
        BS_SMLA("tb", acc1, next_even, weight);            \
    } while (0)

/* Adds a row of one window. */
#define BS_ROW_7(acc, columns)             \
    do {                                   \
        uint32_t even, odd;                \
        BS_TAKE_FOUR(even, odd, columns);  \
        BS_SMLAD(acc, even, pair0);        \
        BS_SMLAD(acc, odd, pair1);         \
        BS_TAKE_FOUR(even, odd, columns);  \
        BS_SMLAD(acc, even, pair2);        \
        BS_SMLA("bb", acc, odd, weight);   \
    } while (0)

/* Computes a row with stride 1, if `dense`, or any other. */
BS_INLINE void bs_line_of_7(const bs_line *line, bool dense)
{
    const bs_output output = bs_output_of(line->planes.layer);
    const uint32_t width = line->planes.layer->out_w;
    const uint32_t stride = line->planes.layer->stride;
    const int16_t *weights = line->weights;
    uint32_t first = 0; /* column in the rows of the first channel */
    for (uint32_t c = 0; c < line->planes.channels; c++) {
        const int32_t multiplier = line->tables.multiplier[c];
        const bs_start start = bs_start_of(line, c);
        uint32_t x = first;
        for (uint32_t i = 0; i < width; i += 2) {
            const uint32_t step = i + 1 < width ? stride : 0;
            const int16_t *pairs = weights;
            const int16_t *last = weights + 42;
            uint32_t acc0 = start.bias;
            uint32_t acc1 = start.bias;
            for (uint8_t *const *row = line->rows; row != line->rows + 7; row++) {
                uint32_t pair0, pair1;
                const uint8_t *columns = *row + x;
                BS_LOAD_TWO(pair0, pair1, pairs);
                const uint32_t pair2 = bs_load_word((const uint8_t *)pairs);
                const int32_t weight = *last++;
                pairs += 2;
                if (dense) {
                    BS_DENSE_ROW_7(columns);
                } else {
                    const uint8_t *others = columns + step;
                    BS_ROW_7(acc0, columns);
                    BS_ROW_7(acc1, others);
                }
            }
            uint8_t *const out = line->rows[0] + first + i;
            out[0] = (uint8_t)bs_any_code(&output, acc0, multiplier, start.shift);
            out[1] = (uint8_t)bs_any_code(&output, acc1, multiplier, start.shift);
            x += 2 * stride;
        }
        weights += 50;
        first += line->planes.width;
    }
}

static void bs_line_7(const bs_line *line)
{
    if (line->planes.layer->stride == 1) {
        bs_line_of_7(line, true);
    } else {
        bs_line_of_7(line, false);
    }
}

#endif
