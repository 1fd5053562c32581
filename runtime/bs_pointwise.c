/*
 * bs_pointwise.c - convolution with kernel 1 and stride 1.
 *
 * Scratch: two widened pixels.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "bs_pixels.h"

BS_COLD size_t bs_scratch_pointwise(const bs_conv *layer)
{
    return bs_pair_bytes(layer->in_c);
}

/* The pixels of a map in order. */
typedef struct {
    bs_source source;
    const bs_conv *layer;
    const uint8_t *in;
    uint32_t pixel_bytes;
    uint32_t left; /* pixels */
} bs_map;

/* Widens the next two pixels. */
static BS_COLD uint32_t bs_next_pixels(bs_source *source, uint32_t *x, uint32_t sums[2])
{
    bs_map *const map = (bs_map *)(void *)source;
    const bs_conv *const layer = map->layer;
    const uint8_t *const first = map->in;
    const uint8_t *second = first + map->pixel_bytes;
    uint32_t count = 2;
    if (map->left < 2) {
        count = map->left;
        second = first;
        if (count == 0) {
            return 0;
        }
    }
    map->left -= count;
    map->in = second + map->pixel_bytes;
    bs_widen_pair(first, second, layer->in_bits, layer->in_c, layer->weight_bits, x, sums);
    return count;
}

BS_COLD bs_status bs_pointwise(const bs_conv *layer, const uint8_t *in, uint8_t *out, void *scratch)
{
    BS_REQUIRE(bs_check_pointwise(layer, in, out, scratch));
    bs_map map = {
        .source = {bs_next_pixels},
        .layer = layer,
        .in = in,
        .pixel_bytes = bs_bytes(layer->in_c, layer->in_bits),
        .left = (uint32_t)layer->in_h * layer->in_w,
    };
    bs_run_pixels(layer, &map.source, layer->in_c, scratch, out);
    return BS_OK;
}
