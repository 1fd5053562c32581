/*
 * bs_line.c - rows of output of a depthwise convolution.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "bs_line.h"
#if BS_DSP
#include "bs_line_dsp.h"
#else
#include "bs_line_c.h"
#endif

BS_COLD bs_start bs_start_up(const bs_line *line, uint32_t channel)
{
    const int32_t bias = line->tables.bias[channel];
    const uint32_t up = bs_weights_up(line->tables.shift[channel], line->planes.layer->weight_bits);
    bs_start start = {(uint32_t)bias, line->tables.shift[channel] - 32u};
    if (up != 0) {
        /* A bias of 2^(13 + weight_bits) is out of reach of 25 products: the code is saturated, as with a larger one.
           Shifted up, neither overflows. */
        const int32_t most = 1 << (13 + line->planes.layer->weight_bits);
        start.bias = (uint32_t)(bias > most ? most : bias < -most ? -most : bias) << up;
        start.shift = 0;
    }
    return start;
}

void bs_run_line(const bs_line *line, bool dense)
{
    if (line->planes.layer->kernel == 5) {
        bs_line_5(line);
    } else if (dense) {
        bs_dense_3(line);
    } else {
        bs_any_3(line);
    }
}
