/*
 * bs_check.c - checks of arguments, for builds with BS_CHECK=1.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "bs_dot.h"
#include "bs_line.h"

/* Whether a width is one of the three. */
static bool bs_is_width(uint32_t bits)
{
    return bits == 2 || bits == 4 || bits == 8;
}

/* Whether a zero point is a code. */
static bool bs_is_code(uint32_t code, uint32_t bits)
{
    return code <= bs_highest(bits);
}

/* Whether an address can hold 32-bit integers. */
static bool bs_is_aligned(const void *address)
{
    return ((uintptr_t)address & 3) == 0;
}

/* Whether a requantizer's shift is in range. */
static bool bs_is_shift(uint32_t shift)
{
    return shift >= 1 && shift <= 62;
}

/* Whether a multiplier is one that requantization to codes relies on. */
static bool bs_is_multiplier(int32_t multiplier, uint32_t shift)
{
    const int32_t least = INT32_C(1) << 30;
    return shift >= 32 || multiplier == 0 || multiplier >= least || multiplier <= -least;
}

/* What holds for every layer with weights. */
static bool bs_is_layer(const bs_conv *layer)
{
    if (layer == NULL || layer->weights == NULL || layer->params == NULL || !bs_is_aligned(layer->params)) {
        return false;
    }
    if (layer->in_h == 0 || layer->in_w == 0 || layer->in_c == 0 || layer->out_h == 0 || layer->out_w == 0
        || layer->out_c == 0) {
        return false;
    }
    if (!bs_is_width(layer->in_bits) || !bs_is_width(layer->weight_bits)) {
        return false;
    }
    const bs_channels channels = bs_channels_of(layer);
    for (uint32_t o = 0; o < layer->out_c; o++) {
        if (!bs_is_shift(channels.shift[o]) || !bs_is_code(channels.weight_zero[o], layer->weight_bits)) {
            return false;
        }
    }
    return true;
}

/* Whether the output is one of codes with a zero point among them. */
static bool bs_is_output(const bs_conv *layer)
{
    const bs_channels channels = bs_channels_of(layer);
    for (uint32_t o = 0; o < layer->out_c; o++) {
        if (!bs_is_multiplier(channels.multiplier[o], channels.shift[o])) {
            return false;
        }
    }
    return bs_is_width(layer->out_bits) && bs_is_code(layer->out_zero, layer->out_bits);
}

/* Whether windows of the output start in the padded input and pads are codes smaller than the window. */
static bool bs_is_window(const bs_conv *layer)
{
    const uint32_t kernel = layer->kernel;
    const uint32_t stride = layer->stride;
    if (kernel == 0 || stride == 0 || layer->pad_top >= kernel || layer->pad_left >= kernel) {
        return false;
    }
    for (uint32_t i = 0; i < 3; i++) {
        if (!bs_is_code(layer->pad_code[i], layer->in_bits)) {
            return false;
        }
    }
    return (layer->out_h - 1u) * stride < (uint32_t)layer->pad_top + layer->in_h
        && (layer->out_w - 1u) * stride < (uint32_t)layer->pad_left + layer->in_w;
}

/* Status of a layer whose descriptor has been looked at. */
static bs_status bs_verdict(bool valid, const void *in, const void *out, const void *scratch)
{
    if (!valid || in == NULL || out == NULL || scratch == NULL) {
        return BS_ERROR_ARGUMENT;
    }
    return bs_is_aligned(scratch) ? BS_OK : BS_ERROR_ARENA;
}

/* Whether dot products over windows of all channels stay within int32. */
static bool bs_is_summable(const bs_conv *layer, uint32_t kernel)
{
    return kernel * kernel * layer->in_c <= BS_MOST_CODES;
}

bs_status bs_check_pointwise(const bs_conv *layer, const void *in, const void *out, const void *scratch)
{
    const bool valid = bs_is_layer(layer) && bs_is_output(layer) && layer->kernel == 1 && layer->stride == 1
        && layer->pad_top == 0 && layer->pad_left == 0 && layer->out_h == layer->in_h
        && layer->out_w == layer->in_w && bs_is_summable(layer, 1);
    return bs_verdict(valid, in, out, scratch);
}

bs_status bs_check_conv_first(const bs_conv *layer, const void *in, const void *out, const void *scratch)
{
    const bool valid = bs_is_layer(layer) && bs_is_output(layer) && bs_is_window(layer)
        && bs_is_summable(layer, layer->kernel);
    return bs_verdict(valid, in, out, scratch);
}

/* Whether depthwise blocks cover all channels or start on bytes. */
static bool bs_is_block(const bs_conv *layer)
{
    return layer->block == layer->in_c
        || (layer->block != 0 && layer->block < layer->in_c && layer->block % 16 == 0);
}

/* Whether a depthwise convolution is one but for its kernel. */
static bool bs_is_depthwise(const bs_conv *layer)
{
    return bs_is_layer(layer) && bs_is_output(layer) && bs_is_window(layer) && layer->out_c == layer->in_c
        && bs_is_block(layer);
}

bs_status bs_check_depthwise(const bs_conv *layer, const void *in, const void *out, const void *scratch)
{
    const bool valid = bs_is_depthwise(layer) && (layer->kernel == 3 || layer->kernel == 5);
    return bs_verdict(valid, in, out, scratch);
}

bs_status bs_check_depthwise_any(const bs_conv *layer, const void *in, const void *out, const void *scratch)
{
    const bool valid = bs_is_depthwise(layer) && layer->kernel <= BS_MOST_KERNEL && layer->kernel != 3
        && layer->kernel != 5;
    return bs_verdict(valid, in, out, scratch);
}

bs_status bs_check_linear(const bs_conv *layer, const void *in, const void *logits, const void *scratch)
{
    const bool valid = bs_is_layer(layer) && layer->in_h == 1 && layer->in_w == 1 && bs_is_summable(layer, 1);
    const bs_status status = bs_verdict(valid, in, logits, scratch);
    return status == BS_OK && !bs_is_aligned(logits) ? BS_ERROR_ARENA : status;
}

bs_status bs_check_avgpool(const bs_pool *layer, const void *in, const void *out)
{
    const bool valid = layer != NULL && in != NULL && out != NULL && layer->in_h != 0 && layer->in_w != 0
        && layer->channels != 0 && bs_is_width(layer->in_bits) && bs_is_width(layer->out_bits)
        && bs_is_code(layer->out_zero, layer->out_bits) && bs_is_shift(layer->shift)
        && bs_is_multiplier(layer->multiplier, layer->shift);
    return valid ? BS_OK : BS_ERROR_ARGUMENT;
}

bs_status bs_check_avgpool_logits(const bs_pool *layer, const void *in, const void *logits)
{
    const bool valid = layer != NULL && in != NULL && logits != NULL && layer->in_h != 0 && layer->in_w != 0
        && layer->channels != 0 && bs_is_width(layer->in_bits) && bs_is_shift(layer->shift);
    if (!valid) {
        return BS_ERROR_ARGUMENT;
    }
    return bs_is_aligned(logits) ? BS_OK : BS_ERROR_ARENA;
}

/* Whether windows start in the padded map and reach into the map, in one direction. */
static bool bs_is_covering(uint32_t in, uint32_t out, uint32_t pad, const bs_window *layer)
{
    return in != 0 && out != 0 && pad < layer->kernel && (out - 1) * layer->stride < pad + in;
}

bs_status bs_check_window(const bs_window *layer, const void *in, const void *out)
{
    const bool valid = layer != NULL && in != NULL && out != NULL && layer->channels != 0
        && bs_is_width(layer->bits) && layer->kernel >= 1 && layer->kernel <= 11 && layer->stride != 0
        && bs_is_covering(layer->in_h, layer->out_h, layer->pad_top, layer)
        && bs_is_covering(layer->in_w, layer->out_w, layer->pad_left, layer);
    return valid ? BS_OK : BS_ERROR_ARGUMENT;
}

/* Whether products, offset and all their partial sums stay within int32. */
static bool bs_is_addable(const bs_add *layer)
{
    int64_t low = layer->offset < 0 ? layer->offset : 0;
    int64_t high = layer->offset > 0 ? layer->offset : 0;
    for (uint32_t i = 0; i < 2; i++) {
        const int64_t extreme = (int64_t)layer->multiplier[i] * (int32_t)bs_highest(layer->bits[i]);
        low += extreme < 0 ? extreme : 0;
        high += extreme > 0 ? extreme : 0;
    }
    return low >= INT32_MIN && high <= INT32_MAX;
}

bs_status bs_check_residual_add(const bs_add *layer, const void *a, const void *b, const void *out)
{
    const bool valid = layer != NULL && a != NULL && b != NULL && out != NULL && layer->h != 0
        && layer->w != 0 && layer->channels != 0 && bs_is_width(layer->bits[0]) && bs_is_width(layer->bits[1])
        && bs_is_width(layer->out_bits) && layer->shift <= 30 && bs_is_addable(layer);
    return valid ? BS_OK : BS_ERROR_ARGUMENT;
}

/* Whether all that a table says are codes of the output. */
static bool bs_is_table(const bs_lookup *layer)
{
    for (uint32_t i = 0; i <= bs_highest(layer->in_bits); i++) {
        if (!bs_is_code(layer->table[i], layer->out_bits)) {
            return false;
        }
    }
    return true;
}

bs_status bs_check_lookup(const bs_lookup *layer, const void *in, const void *out)
{
    const bool valid = layer != NULL && layer->table != NULL && in != NULL && out != NULL && layer->h != 0
        && layer->w != 0 && layer->channels != 0
        && (uint32_t)layer->out_first + layer->channels <= layer->out_channels && bs_is_width(layer->in_bits)
        && bs_is_width(layer->out_bits) && bs_is_table(layer);
    return valid ? BS_OK : BS_ERROR_ARGUMENT;
}

bs_status bs_check_multiply(const bs_multiply *layer, const void *in, const void *gate, const void *out)
{
    const bool valid = layer != NULL && in != NULL && gate != NULL && out != NULL && layer->h != 0
        && layer->w != 0 && layer->channels != 0 && bs_is_width(layer->bits[0]) && bs_is_width(layer->bits[1])
        && bs_is_code(layer->zero[0], layer->bits[0]) && bs_is_code(layer->zero[1], layer->bits[1])
        && bs_is_width(layer->out_bits) && bs_is_code(layer->out_zero, layer->out_bits)
        && bs_is_shift(layer->shift) && bs_is_multiplier(layer->multiplier, layer->shift);
    return valid ? BS_OK : BS_ERROR_ARGUMENT;
}
