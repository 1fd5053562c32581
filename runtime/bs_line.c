/*
 * bs_line.c - rows of output of a depthwise convolution.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "bs_line.h"

BS_COLD bs_start bs_start_up(const bs_line *line, uint32_t channel)
{
    const int32_t bias = line->tables.bias[channel];
    const uint32_t up = bs_weights_up(line->tables.shift[channel], line->planes.layer->weight_bits);
    bs_start start = {(uint32_t)bias, line->tables.shift[channel] - 32u};
    if (up != 0) {
        /* A bias of 2^(15 + weight_bits) is out of reach of BS_MOST_KERNEL^2 products: the code is saturated, as with a
           larger one. Shifted up, it is 2^30 at most, the products stay below that, and neither overflows. */
        const int32_t most = 1 << (15 + line->planes.layer->weight_bits);
        start.bias = (uint32_t)(bias > most ? most : bias < -most ? -most : bias) << up;
        start.shift = 0;
    }
    return start;
}

#if BS_DSP
/* Odd kernels up to 7: of each row the pairs of columns 0 and 2, 1 and 3, 4 and 6, then the weight of each row that is left
   over. Others row by row. */
BS_COLD uint32_t bs_tap_position(uint32_t kernel, uint32_t tap)
{
    if (kernel % 2 == 0 || kernel > 7) {
        return tap;
    }
    const uint32_t ky = tap / kernel;
    const uint32_t kx = tap % kernel;
    const uint32_t at = (kx & 4) | (kx & 1) << 1 | (kx >> 1 & 1);
    const uint32_t last = kernel - 1;
    return at == last ? kernel * last + ky : ky * last + at;
}
#endif
