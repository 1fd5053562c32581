/*
 * bs_pool_logits.c - global average pool whose outputs are logits.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "bs_pool.h"

BS_COLD bs_status bs_avgpool_logits(const bs_pool *layer, const uint8_t *in, int32_t *logits)
{
    BS_REQUIRE(bs_check_avgpool_logits(layer, in, logits));
    for (uint32_t c = 0; c < layer->channels; c++) {
        const uint32_t acc = (uint32_t)layer->bias + bs_sum_channel(layer, in, c);
        logits[c] = bs_scale(acc, layer->multiplier, layer->shift);
    }
    return BS_OK;
}
