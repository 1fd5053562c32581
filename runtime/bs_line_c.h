/*
 * bs_line_c.h - rows of a depthwise convolution in portable C.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef BS_LINE_C_H
#define BS_LINE_C_H

#include "bs_line.h"

/* Adds one row of two windows, of which the second lies one column further. */
BS_INLINE void bs_dense_row(uint32_t acc[2], const uint8_t *columns, const int16_t *weights, uint32_t kernel)
{
    int32_t column = columns[0];
#define BS_DENSE_TAP(kx)                            \
    do {                                            \
        const int32_t next = columns[(kx) + 1];     \
        acc[0] += (uint32_t)(weights[kx] * column); \
        acc[1] += (uint32_t)(weights[kx] * next);   \
        BS_SETTLE(acc[0], acc[1]);                  \
        column = next;                              \
    } while (0)
    BS_DENSE_TAP(0);
    BS_DENSE_TAP(1);
    BS_DENSE_TAP(2);
    if (kernel == 5) {
        BS_DENSE_TAP(3);
        BS_DENSE_TAP(4);
    }
#undef BS_DENSE_TAP
}

/* Adds one row of one window. */
BS_INLINE uint32_t bs_any_row(uint32_t acc, const uint8_t *columns, const int16_t *weights, uint32_t kernel)
{
    acc += (uint32_t)(weights[0] * columns[0]);
    acc += (uint32_t)(weights[1] * columns[1]);
    acc += (uint32_t)(weights[2] * columns[2]);
    if (kernel == 5) {
        acc += (uint32_t)(weights[3] * columns[3]);
        acc += (uint32_t)(weights[4] * columns[4]);
    }
    return acc;
}

/* Rows of stride 1 and shifts that suit bs_quick_code. */
BS_INLINE void bs_dense(const bs_line *line, uint32_t kernel)
{
    const bs_output output = bs_output_of(line->planes.layer);
    const int16_t *weights = line->weights;
    for (uint32_t c = 0; c < line->planes.channels; c++) {
        const uint32_t at = c * line->planes.width;
        const bs_start start = bs_start_of(line, c);
        const int32_t multiplier = line->tables.multiplier[c];
        uint8_t *const out = line->rows[0] + at;
        for (uint32_t x = 0; x < line->planes.layer->out_w; x += 2) {
            uint32_t acc[2] = {start.bias, start.bias};
            bs_dense_row(acc, line->rows[0] + at + x, weights, kernel);
            bs_dense_row(acc, line->rows[1] + at + x, weights + kernel, kernel);
            bs_dense_row(acc, line->rows[2] + at + x, weights + 2 * kernel, kernel);
            if (kernel == 5) {
                bs_dense_row(acc, line->rows[3] + at + x, weights + 3 * kernel, kernel);
                bs_dense_row(acc, line->rows[4] + at + x, weights + 4 * kernel, kernel);
            }
            const uint32_t code0 = bs_quick_code(&output, acc[0], multiplier, start.shift);
            const uint32_t code1 = bs_quick_code(&output, acc[1], multiplier, start.shift);
            out[x] = (uint8_t)code0;
            out[x + 1] = (uint8_t)code1;
        }
        weights += bs_tap_count(kernel);
    }
}

/* Rows of any stride and shifts. */
BS_INLINE void bs_any(const bs_line *line, uint32_t kernel)
{
    const bs_output output = bs_output_of(line->planes.layer);
    const int16_t *weights = line->weights;
    for (uint32_t c = 0; c < line->planes.channels; c++) {
        const bs_start start = bs_start_of(line, c);
        uint32_t column = c * line->planes.width;
        uint8_t *const out = line->rows[0] + column;
        for (uint32_t x = 0; x < line->planes.layer->out_w; x++) {
            uint32_t acc = start.bias;
            acc = bs_any_row(acc, line->rows[0] + column, weights, kernel);
            acc = bs_any_row(acc, line->rows[1] + column, weights + kernel, kernel);
            acc = bs_any_row(acc, line->rows[2] + column, weights + 2 * kernel, kernel);
            if (kernel == 5) {
                acc = bs_any_row(acc, line->rows[3] + column, weights + 3 * kernel, kernel);
                acc = bs_any_row(acc, line->rows[4] + column, weights + 4 * kernel, kernel);
            }
            out[x] = (uint8_t)bs_any_code(&output, acc, line->tables.multiplier[c], start.shift);
            column += line->planes.layer->stride;
        }
        weights += bs_tap_count(kernel);
    }
}

static void bs_dense_3(const bs_line *line)
{
    bs_dense(line, 3);
}

static void bs_any_3(const bs_line *line)
{
    bs_any(line, 3);
}

static void bs_line_5(const bs_line *line)
{
    bs_any(line, 5);
}

#endif
