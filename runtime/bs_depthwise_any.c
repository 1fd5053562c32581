/*
 * bs_depthwise_any.c - convolution of each channel by itself with any kernel.
 *
 * Two windows at a time, which share the loads of weights. On cores with the DSP extension 7x7 has code of its own.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "bs_line.h"
#if BS_DSP
#include "bs_line_7_dsp.h"
#endif

/* Computes a row of any kernel, stride and shifts. */
static void bs_line_any(const bs_line *line)
{
    const bs_output output = bs_output_of(line->planes.layer);
    const uint32_t width = line->planes.layer->out_w;
    const uint32_t stride = line->planes.layer->stride;
    const uint32_t kernel = line->planes.layer->kernel;
    const int16_t *weights = line->weights;
    uint32_t first = 0; /* column in the rows of the first channel */
    for (uint32_t c = 0; c < line->planes.channels; c++) {
        const int32_t multiplier = line->tables.multiplier[c];
        const bs_start start = bs_start_of(line, c);
        uint32_t x0 = first;
        for (uint32_t i = 0; i < width; i += 2) {
            /* The columns of a small kernel have no room for a second output that does not exist. */
            const uint32_t step = i + 1 < width ? stride : 0;
            const int16_t *weight = weights;
            uint32_t acc0 = start.bias;
            uint32_t acc1 = start.bias;
            for (uint8_t *const *row = line->rows; row != line->rows + kernel; row++) {
                const uint8_t *column = *row + x0;
                const int16_t *const end = weight + kernel;
                do {
                    acc0 += (uint32_t)(*weight * column[0]);
                    acc1 += (uint32_t)(*weight * column[step]);
                    BS_SETTLE(acc0, acc1);
                    column++;
                } while (++weight != end);
            }
            uint8_t *const out = line->rows[0] + first + i;
            out[0] = (uint8_t)bs_any_code(&output, acc0, multiplier, start.shift);
            if (step != 0) {
                out[1] = (uint8_t)bs_any_code(&output, acc1, multiplier, start.shift);
            }
            x0 += 2 * stride;
        }
        weights += bs_tap_count(kernel);
        first += line->planes.width;
    }
}

/* Computes a row. */
static void bs_run_line(const bs_line *line, bool dense)
{
    (void)dense;
#if BS_DSP
    if (line->planes.layer->kernel == 7) {
        bs_line_7(line);
        return;
    }
#endif
    bs_line_any(line);
}

BS_COLD bs_status bs_depthwise_any(const bs_conv *layer, const uint8_t *in, uint8_t *out, void *scratch)
{
    BS_REQUIRE(bs_check_depthwise_any(layer, in, out, scratch));
    bs_run_blocks(layer, in, out, scratch, bs_run_line);
    return BS_OK;
}
