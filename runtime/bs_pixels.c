/*
 * bs_pixels.c - all output channels of two pixels at a time.
 *
 * Blocks of two output channels by two pixels: each weight and each input that is loaded is used twice. The
 * codes of two blocks, four channels, are packed together.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "bs_pixels.h"
#include "bs_code.h"

/* Codes of four channels of two pixels, one byte each. */
typedef struct {
    uint8_t code[2][4];
} bs_quads;

/* Requantizes the sums of a channel, number `at` of four, by a usual shift. */
BS_INLINE void bs_channel_codes(const bs_output *output, const uint32_t sums[2], int32_t multiplier, uint32_t shift,
                                bs_quads *quads, uint32_t at)
{
    const uint32_t shift_high = shift - 32;
    uint32_t code0, code1;
    if ((int32_t)shift_high >= 0) {
        code0 = bs_quick_code(output, sums[0], multiplier, shift_high);
        code1 = bs_quick_code(output, sums[1], multiplier, shift_high);
    } else {
        code0 = bs_small_code(output, sums[0], multiplier, shift_high);
        code1 = bs_small_code(output, sums[1], multiplier, shift_high);
    }
    quads->code[0][at] = (uint8_t)code0;
    quads->code[1][at] = (uint8_t)code1;
}

/* Channels that are computed together, a multiple of four; none if a shift is not usual. */
static BS_COLD uint32_t bs_usual_channels(const bs_conv *layer)
{
    const uint8_t *const shift = bs_channels_of(layer).shift;
    for (uint32_t o = 0; o < layer->out_c; o++) {
        if (!bs_is_quick(shift[o] - 32u) && !bs_is_small(shift[o] - 32u)) {
            return 0;
        }
    }
    return layer->out_c & ~3u;
}

/* Computes and writes the channels from `first` on, a multiple of four, one at a time. */
static BS_COLD void bs_run_rest(const bs_conv *layer, const bs_dot *pair, const uint32_t sums[2], uint8_t *out,
                                uint32_t distance, uint32_t first)
{
    const bs_dot_function dot_pair = bs_dot_function_of(2, layer->weight_bits);
    const bs_channels channels = bs_channels_of(layer);
    const bs_output output = bs_output_of(layer);
    bs_dot dot = *pair;
    uint32_t position = 0; /* in bits */
    dot.row_bytes = 0;     /* each row twice */
    for (uint32_t o = first; o < layer->out_c; o++) {
        dot.sum[0][0] = (uint32_t)channels.bias[o] - channels.weight_zero[o] * sums[0];
        dot.sum[0][1] = (uint32_t)channels.bias[o] - channels.weight_zero[o] * sums[1];
        dot_pair(&dot, layer->weights + o * pair->row_bytes);
        for (uint32_t p = 0; p < 2; p++) {
            uint8_t *const byte = out + p * distance + (position >> 3);
            const uint32_t below = *byte & ((1u << (position & 7)) - 1);
            const uint32_t code =
                bs_requantize(&output, dot.sum[0][p], channels.multiplier[o], channels.shift[o]);
            *byte = (uint8_t)(below | code << (position & 7));
        }
        position += layer->out_bits;
    }
}

void bs_run_pixels(const bs_conv *layer, bs_source *source, uint32_t n, uint32_t *x, uint8_t *out)
{
    const bs_dot_function dot_pair = bs_dot_function_of(2, layer->weight_bits);
    const bs_output output = bs_output_of(layer);
    const uint32_t out_c = layer->out_c;
    const uint32_t out_bits = layer->out_bits;
    const uint32_t out_bytes = bs_bytes(out_c, out_bits);
    const uint32_t usual = bs_usual_channels(layer);
    bs_dot dot;
    bs_dot_start(&dot, x, n, 2, layer->weight_bits);
    const uint32_t row_bytes = dot.row_bytes;
    uint32_t sums[2];
    for (uint32_t count; (count = source->next(source, x, sums)) != 0;) {
        const uint8_t *row = layer->weights;
        const int32_t *words = layer->params;                        /* bias; out_c further the multiplier */
        const uint8_t *bytes = (const uint8_t *)(words + 2 * out_c); /* shift; out_c further the zero point */
        const uint32_t distance = count == 2 ? out_bytes : 0;        /* to the second pixel */
        uint8_t *group = out;
        bs_quads quads;
        for (uint32_t o = 0; o < usual; o += 2) {
            const uint8_t *const zeros = bytes + out_c;
            const uint32_t bias0 = (uint32_t)words[0];
            const uint32_t bias1 = (uint32_t)words[1];
            const uint32_t zero0 = zeros[0];
            const uint32_t zero1 = zeros[1];
            const uint32_t sum0 = sums[0];
            const uint32_t sum1 = sums[1];
            dot.sum[0][0] = bias0 - zero0 * sum0;
            dot.sum[0][1] = bias0 - zero0 * sum1;
            dot.sum[1][0] = bias1 - zero1 * sum0;
            dot.sum[1][1] = bias1 - zero1 * sum1;
            dot_pair(&dot, row);
            bs_channel_codes(&output, dot.sum[0], words[out_c], bytes[0], &quads, o & 2);
            bs_channel_codes(&output, dot.sum[1], words[out_c + 1], bytes[1], &quads, (o & 2) + 1);
            if ((o & 2) != 0) {
                bs_store_four(group, out_bits, bs_limit_four(&output, bs_load_word(quads.code[0])));
                bs_store_four(group + distance, out_bits, bs_limit_four(&output, bs_load_word(quads.code[1])));
                group += out_bits >> 1;
            }
            words += 2;
            bytes += 2;
            row += 2 * row_bytes;
        }
        if (usual < out_c) {
            bs_run_rest(layer, &dot, sums, group, distance, usual);
        }
        out += count * out_bytes;
    }
}
