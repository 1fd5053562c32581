/*
 * bs_pool.h - sums of channels, for global average pools.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef BS_POOL_H
#define BS_POOL_H

#include "bs_internal.h"

/* Sum of the codes of a channel. */
static BS_COLD uint32_t bs_sum_channel(const bs_pool *layer, const uint8_t *in, uint32_t channel)
{
    const uint32_t pixel_bytes = bs_bytes(layer->channels, layer->in_bits);
    uint32_t sum = 0;
    for (uint32_t pixels = (uint32_t)layer->in_h * layer->in_w; pixels > 0; pixels--) {
        sum += bs_code_at(in, layer->in_bits, channel);
        in += pixel_bytes;
    }
    return sum;
}

#endif
