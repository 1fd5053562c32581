/*
 * bs_pool.c - global average pool.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "bs_pool.h"

BS_COLD bs_status bs_avgpool(const bs_pool *layer, const uint8_t *in, uint8_t *out)
{
    BS_REQUIRE(bs_check_avgpool(layer, in, out));
    const uint32_t bits = layer->out_bits;
    const bs_output output = {layer->out_zero, bs_highest(bits)};
    uint32_t byte = 0;
    uint32_t filled = 0;
    for (uint32_t c = 0; c < layer->channels; c++) {
        const uint32_t acc = (uint32_t)layer->bias + bs_sum_channel(layer, in, c);
        const uint32_t code = bs_requantize(&output, acc, layer->multiplier, layer->shift);
        byte |= code << filled;
        filled += bits;
        if (filled == 8 || c + 1 == layer->channels) {
            *out++ = (uint8_t)byte;
            byte = 0;
            filled = 0;
        }
    }
    return BS_OK;
}
