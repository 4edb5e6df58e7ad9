/* Pixels of a picture that is to be shrunk, out of the blocks that the walk has read anyway: libjpeg would read all bits
 * for a second time. At an eighth, a quarter, half or all of its size. Only for pictures of which it could have nothing
 * to complain; the same as its own to 3 of 255 (jidctred.c averages, too; it rounds more often), but that halved colours
 * are not smoothed.
 */
#ifndef CATALOGD_PAINT_H
#define CATALOGD_PAINT_H

#include <stdlib.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "blocks.h"

enum { LARGEST = 1 << 24 }; /* pixels painted */

static inline uint8_t clip(int value)
{
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

static inline Four mirrored(Four row)
{
    return (Four){row[3], row[2], row[1], row[0]};
}

/* What each frequency adds to the means of two and of four samples of a row of eight (A.3.3); `down` as in Basis. */
typedef struct {
    Four halves[64], quarters[8], down[2][8];
} Means;

static float mean_cosine(int n, int part, int parts)
{
    float sum = 0;
    for (int x = part * 8 / parts; x < (part + 1) * 8 / parts; x++)
        sum += n ? 0.5f * cosf((float)((2 * x + 1) * n) * 0.19634954f) : 0.35355339f;
    return sum * (float)parts / 8;
}

static void set_means(Means *means)
{
    for (int k = 0; k < 64; k++)
        for (int i = 0; i < 4; i++)
            means->halves[k][i] = mean_cosine(natural[k] >> 3, i / 2, 2) * mean_cosine(natural[k] & 7, i % 2, 2);
    for (int n = 0; n < 8; n++)
        for (int i = 0; i < 4; i++) {
            means->quarters[n][i] = mean_cosine(n, i, 4);
            means->down[i & 1][n][i] = means->down[i & 1][n][3 - i] = mean_cosine(n, i & 1, 4);
        }
}

/* Means of 2 x 2 samples, but for what `level` leaves of the mean. */
static inline void shrink(const Block *block, float level, const Means *means, Four rows[4])
{
    const Four none = {0, 0, 0, 0};
    Four part[8] = {none, none, none, none, none, none, none, none};
    for (int n = 0; n < block->count; n++) {
        int at = natural[block->place[n]];
        part[at >> 3] += means->quarters[at & 7] * block->value[n];
    }
    for (int y = 0; y < 2; y++) {
        const Four *row = means->down[y];
        Four even = part[0] * row[0] + part[2] * row[2] + part[4] * row[4] + part[6] * row[6] + (none + level);
        Four odd = part[1] * row[1] + part[3] * row[3] + part[5] * row[5] + part[7] * row[7];
        rows[y] = even + odd, rows[3 - y] = even - odd;
    }
}

/* As bytes, cut off at 0 and 255. */
static inline void store(uint8_t to[16], Four a, Four b, Four c, Four d)
{
#ifdef __SSE2__
    __m128i low = _mm_packs_epi32(_mm_cvttps_epi32(a), _mm_cvttps_epi32(b));
    __m128i high = _mm_packs_epi32(_mm_cvttps_epi32(c), _mm_cvttps_epi32(d));
    _mm_storeu_si128((__m128i *)(void *)to, _mm_packus_epi16(low, high));
#else
    const Four list[4] = {a, b, c, d};
    for (int i = 0; i < 16; i++)
        to[i] = clip((int)list[i / 4][i % 4]);
#endif
}

/* One block as uint8 [2^log][2^log], in rows of `room` bytes; `level` is its dequantised DC. */
static inline void paint(uint8_t *to, size_t room, int log, const Block *block, float level, const Means *means,
                         const Basis *basis)
{
    const float grey = level / 8 + 128.5f;
    uint8_t bytes[16];
    if (log == 0)
        *to = clip((int)grey);
    else if (log == 1) {
        Four sum = {grey, grey, grey, grey};
        for (int n = 0; n < block->count; n++)
            sum += means->halves[block->place[n]] * block->value[n];
        store(bytes, sum, sum, sum, sum);
        memcpy(to, bytes, 2), memcpy(to + room, bytes + 2, 2);
    } else if (log == 2) {
        Four rows[4];
        shrink(block, grey, means, rows);
        store(bytes, rows[0], rows[1], rows[2], rows[3]);
        for (int y = 0; y < 4; y++)
            memcpy(to + (size_t)y * room, bytes + 4 * y, 4);
    } else {
        Four left[8], right[8];
        transform(block, grey, basis, left, right);
        for (int y = 0; y < 8; y += 2) {
            store(bytes, left[y], mirrored(right[y]), left[y + 1], mirrored(right[y + 1]));
            memcpy(to + (size_t)y * room, bytes, 8), memcpy(to + (size_t)(y + 1) * room, bytes + 8, 8);
        }
    }
}

/* Room for a picture of one component, or of YCbCr without or with halved colours. Returns 0 where there is none. */
static int prepare(Component *list, int components, int log)
{
    const Component *first = &list[0];
    if ((components == 1 && (first->h != 1 || first->v != 1)) || components == 2 || components > 3)
        return 0;
    for (int i = 0; i < components; i++) {
        Component *c = &list[i];
        if (c->h > (i ? 1 : 2) || c->v > (i ? 1 : 2))
            return 0;
        /* Colours that are halved both ways shrink half as much; libjpeg has it so, too. */
        c->log = log < 3 && i && first->h == 2 && first->v == 2 ? log + 1 : log;
        c->samples = malloc((size_t)c->stride * (size_t)c->rows << 2 * c->log);
        if (!c->samples)
            return 0;
    }
    return 1;
}

/* Row `y` of the picture, `width` samples and one more; `room` for them. */
static const uint8_t *line(const Component *c, int y, int width, int halved, uint8_t *room)
{
    const uint8_t *from = c->samples + (size_t)y * ((size_t)c->stride << c->log);
    for (int x = 0; halved && x < width; x += 2)
        room[x] = room[x + 1] = from[x >> 1];
    return halved ? room : from;
}

/* x times share / 32768, in 16 bits: eight at once, as every processor has them. */
static inline int16_t part(int16_t x, int16_t share)
{
    return (int16_t)((x * share) >> 16);
}

/* RGBX out of a row of YCbCr (JFIF 1.02, page 3). */
static void mix(uint8_t *to, const uint8_t *y, const uint8_t *cb, const uint8_t *cr, int width)
{
    for (int x = 0; x < width; x++) {
        int16_t grey = y[x], blue = (int16_t)(cb[x] * 4 - 512), red = (int16_t)(cr[x] * 4 - 512); /* fourfold, about 0 */
        int16_t r = (int16_t)((int16_t)(part(red, 13173) + 1) >> 1), b = (int16_t)((int16_t)(part(blue, 7471) + 1) >> 1);
        int16_t g = (int16_t)((int16_t)(part(blue, 11277) + part(red, 23401) + 1) >> 1); /* 0.344136, 0.714136 */
        r = (int16_t)(grey + (red >> 2) + r), b = (int16_t)(grey + (blue >> 1) - b); /* 1 + 0.402, 2 - 0.228 */
        g = (int16_t)(grey - g);
        to[4 * x] = clip(r), to[4 * x + 1] = clip(g), to[4 * x + 2] = clip(b), to[4 * x + 3] = 255;
    }
}

/* RGBX, or grey, [height][width], out of the samples. Returns 0 without memory. */
static int colour(uint8_t *to, const Component *list, int components, int width, int height)
{
    const Component *last = &list[components - 1];
    const int halved_x = list[0].h == 2 && last->log == list[0].log, halved_y = list[0].v == 2 && last->log == list[0].log;
    uint8_t *room = malloc(2 * ((size_t)width + 1));
    for (int y = 0; room && y < height; y++, to += (components == 1 ? 1 : 4) * (size_t)width) {
        const uint8_t *grey = line(&list[0], y, width, 0, room);
        if (components == 1) {
            memcpy(to, grey, (size_t)width);
            continue;
        }
        const uint8_t *cb = line(&list[1], y >> halved_y, width, halved_x, room);
        const uint8_t *cr = line(&list[2], y >> halved_y, width, halved_x, room + width + 1);
        mix(to, grey, cb, cr, width);
    }
    free(room);
    return room != 0;
}

#endif
