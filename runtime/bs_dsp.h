/*
 * bs_dsp.h - instructions of the DSP extension (Cortex-M4, -M7, -M33) under names of their own.
 *
 * They are volatile so that they stay in the order in which they are written: GCC's scheduler otherwise gathers
 * the loads of an unrolled loop at its head, runs out of registers and spills.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef BS_DSP_H
#define BS_DSP_H

#include "bs_internal.h"

#if BS_DSP

/* Loads a word from any address and moves the pointer on by `step` bytes. */
#if defined(__ARM_FEATURE_UNALIGNED)
#define BS_LOAD_NEXT(word, pointer, step) \
    __asm__ volatile("ldr %0, [%1], %2" : "=r"(word), "+r"(pointer) : "I"(step) : "memory")
#else
#define BS_LOAD_NEXT(word, pointer, step) \
    do {                                  \
        memcpy(&(word), (pointer), 4);    \
        (pointer) += (step);              \
    } while (0)
#endif

/* Loads two words from an address that is aligned to 4 bytes and moves the pointer past them. */
#define BS_LOAD_TWO(word0, word1, pointer) \
    __asm__ volatile("ldrd %0, %1, [%2], #8" : "=&r"(word0), "=&r"(word1), "+r"(pointer) : : "memory")

/* Loads a word from any address. */
#if defined(__ARM_FEATURE_UNALIGNED)
#define BS_LOAD_AT(word, pointer, offset) \
    __asm__ volatile("ldr %0, [%1, %2]" : "=r"(word) : "r"(pointer), "r"(offset) : "memory")
#else
#define BS_LOAD_AT(word, pointer, offset) memcpy(&(word), (pointer) + (offset), 4)
#endif

/* acc += a.low * b.low + a.high * b.high; halves are signed. */
#define BS_SMLAD(acc, a, b) __asm__ volatile("smlad %0, %1, %2, %0" : "+r"(acc) : "r"(a), "r"(b))

/* acc += a.low * b.high + a.high * b.low */
#define BS_SMLADX(acc, a, b) __asm__ volatile("smladx %0, %1, %2, %0" : "+r"(acc) : "r"(a), "r"(b))

/* acc = add + a.low * b.low + a.high * b.high */
#define BS_SMLAD_TO(acc, a, b, add) \
    __asm__ volatile("smlad %0, %1, %2, %3" : "=r"(acc) : "r"(a), "r"(b), "r"(add))

/* acc += half of a * half of b; halves are "bb", "bt", "tb" or "tt", bottom and top. */
#define BS_SMLA(halves, acc, a, b) \
    __asm__ volatile("smla" halves " %0, %1, %2, %0" : "+r"(acc) : "r"(a), "r"(b))

/* result = word >> shift & mask */
#define BS_TAKE_BITS(result, word, shift) \
    __asm__ volatile("and %0, %1, %2, lsr %3" : "=r"(result) : "r"(mask), "r"(word), "I"(shift))

/* result = bytes 0 and 2 of a word, or 1 and 3 with a shift of 8, as halves. */
#define BS_TAKE_BYTES(result, word, shift) \
    __asm__ volatile("uxtb16 %0, %1, ror %2" : "=r"(result) : "r"(word), "I"(shift))

/* result = low half of a, high half of b */
#define BS_JOIN_ENDS(result, a, b) __asm__ volatile("pkhbt %0, %1, %2" : "=r"(result) : "r"(a), "r"(b))

/* Bytes 0 and 2 of a word as halves. */
BS_INLINE uint32_t bs_bytes_02(uint32_t word)
{
    uint32_t halves;
    __asm__("uxtb16 %0, %1" : "=r"(halves) : "r"(word));
    return halves;
}

/* Bytes 1 and 3 of a word as halves. */
BS_INLINE uint32_t bs_bytes_13(uint32_t word)
{
    uint32_t halves;
    __asm__("uxtb16 %0, %1, ror #8" : "=r"(halves) : "r"(word));
    return halves;
}

/* a.low, b.low << 16 */
BS_INLINE uint32_t bs_join_low(uint32_t a, uint32_t b)
{
    uint32_t joined;
    __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(joined) : "r"(a), "r"(b));
    return joined;
}

/* a.high >> 16, b.high */
BS_INLINE uint32_t bs_join_high(uint32_t a, uint32_t b)
{
    uint32_t joined;
    __asm__("pkhtb %0, %1, %2, asr #16" : "=r"(joined) : "r"(b), "r"(a));
    return joined;
}

/* sum + the four bytes of a word */
BS_INLINE uint32_t bs_add_bytes(uint32_t sum, uint32_t word)
{
    __asm__("usada8 %0, %1, %2, %0" : "+r"(sum) : "r"(word), "r"(0));
    return sum;
}

/* The high word of acc * multiplier, plus `add`. */
BS_INLINE int32_t bs_multiply_high(int32_t acc, int32_t multiplier, int32_t add)
{
    int32_t high;
    __asm__("smmla %0, %1, %2, %3" : "=r"(high) : "r"(acc), "r"(multiplier), "r"(add));
    return high;
}

/* value clamped to 0 to 255 */
BS_INLINE uint32_t bs_saturate(int32_t value)
{
    uint32_t code;
    __asm__("usat %0, #8, %1" : "=r"(code) : "r"(value));
    return code;
}

/* value clamped to -2048 to 2047 */
BS_INLINE uint32_t bs_saturate_signed(uint32_t value)
{
    uint32_t clamped;
    __asm__("ssat %0, #12, %1" : "=r"(clamped) : "r"(value));
    return clamped;
}

/* The lower of each byte of two words. */
BS_INLINE uint32_t bs_least_bytes(uint32_t a, uint32_t b)
{
    uint32_t over;
    __asm__("uqsub8 %0, %1, %2" : "=r"(over) : "r"(a), "r"(b));
    return a - over;
}

/* The higher of each byte of two words. */
BS_INLINE uint32_t bs_most_bytes(uint32_t a, uint32_t b)
{
    uint32_t over;
    __asm__("uqsub8 %0, %1, %2" : "=r"(over) : "r"(a), "r"(b));
    return b + over;
}

#else

/* The same in portable C. */
BS_INLINE uint32_t bs_join_low(uint32_t a, uint32_t b)
{
    return (a & 0xFFFF) | b << 16;
}

BS_INLINE uint32_t bs_join_high(uint32_t a, uint32_t b)
{
    return a >> 16 | (b & UINT32_C(0xFFFF0000));
}

BS_INLINE uint32_t bs_bytes_02(uint32_t word)
{
    return word & UINT32_C(0x00FF00FF);
}

BS_INLINE uint32_t bs_bytes_13(uint32_t word)
{
    return word >> 8 & UINT32_C(0x00FF00FF);
}

/* The higher of two bytes, in each half of two words. */
BS_INLINE uint32_t bs_most_halves(uint32_t a, uint32_t b)
{
    const uint32_t is_a = ((a | UINT32_C(0x01000100)) - b) >> 8 & UINT32_C(0x00010001);
    const uint32_t mask = (is_a << 8) - is_a;
    return (a & mask) | (b & ~mask);
}

BS_INLINE uint32_t bs_most_bytes(uint32_t a, uint32_t b)
{
    return bs_most_halves(bs_bytes_02(a), bs_bytes_02(b)) | bs_most_halves(bs_bytes_13(a), bs_bytes_13(b)) << 8;
}

#endif

#endif
