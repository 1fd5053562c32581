/*
 * bs_writer.c - accumulators to packed output codes, two neighbouring pixels at a time.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "bs_writer.h"

bs_writer bs_writer_start(const bs_conv *layer, uint32_t first)
{
    const bs_channels channels = bs_channels_of(layer);
    const bs_writer writer = {
        .bias = channels.bias + first,
        .multiplier = channels.multiplier + first,
        .shift = channels.shift + first,
        .zero = layer->out_zero,
        .highest = bs_highest(layer->out_bits),
        .bits = layer->out_bits,
    };
    return writer;
}

void bs_write_channel(bs_writer *writer, uint32_t channel, uint32_t sum0, uint32_t sum1)
{
    const uint32_t bias = (uint32_t)writer->bias[channel];
    const int32_t multiplier = writer->multiplier[channel];
    const uint32_t shift = writer->shift[channel];
    const uint32_t code0 = bs_requantize(bias + sum0, multiplier, shift, writer->zero, writer->highest);
    const uint32_t code1 = bs_requantize(bias + sum1, multiplier, shift, writer->zero, writer->highest);
    const uint32_t byte0 = writer->byte[0] | code0 << writer->position;
    const uint32_t byte1 = writer->byte[1] | code1 << writer->position;
    const uint32_t position = writer->position + writer->bits;
    if (position < 8) {
        writer->byte[0] = byte0;
        writer->byte[1] = byte1;
        writer->position = position;
    } else {
        *writer->out[0]++ = (uint8_t)byte0;
        *writer->out[1]++ = (uint8_t)byte1;
        writer->byte[0] = 0;
        writer->byte[1] = 0;
        writer->position = 0;
    }
}
