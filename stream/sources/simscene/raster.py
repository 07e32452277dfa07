"""Compiled drawing of what moves, into float32 pictures (H, W, C): C = 3 linear light, C = 1 degrees Celsius.

Every drawing is hidden where ``depth`` (H, W, metres, the still world) is nearer than the thing drawn.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np
from numba import njit

CAPSULE_COLUMNS = 14
"""x0 y0 r0 x1 y1 r1 (pixels), depth, three values, lambert, rim, texture gain, texture phase."""


@njit(
    "void(float32[:,:,::1],float32[:,::1],float32[:,::1],float32[:,::1],float32[::1],float32)",
    nogil=True,
    cache=True,
    fastmath=True,
)
def draw_capsules(image, depth, capsules, tile, light, soft_px):  # pragma: no cover - compiled
    """Draw tapered, rounded sticks one over the other.

    Lit from ``light`` (x right, y down, z to the viewer) by the column ``lambert``; ``rim`` is taken off towards
    the silhouette (what is seen edge-on radiates less); texture multiplies light and adds to temperature.
    """
    height, width, channels = image.shape
    mask = tile.shape[0] - 1
    for n in range(capsules.shape[0]):
        c = capsules[n]
        x0, y0, r0, x1, y1, r1 = c[0], c[1], c[2], c[3], c[4], c[5]
        grow = max(r0, r1) + soft_px + 0.5
        left, right = int(max(0.0, min(x0, x1) - grow)), int(min(width - 1.0, max(x0, x1) + grow))
        top, bottom = int(max(0.0, min(y0, y1) - grow)), int(min(height - 1.0, max(y0, y1) + grow))
        ax, ay = x1 - x0, y1 - y0
        length2 = ax * ax + ay * ay
        inverse2 = np.float32(1.0) / max(length2, np.float32(1e-6))
        length = np.sqrt(length2)
        inverse_soft = np.float32(0.5) / soft_px
        lambert, rim, gain, phase = c[10], c[11], c[12], c[13]
        # Texels follow the limb, ten across it, so that the cloth moves with the body.
        texels = np.float32(5.0) / max(max(r0, r1), np.float32(0.5))
        for y in range(top, bottom + 1):
            for x in range(left, right + 1):
                px, py = x - x0, y - y0
                t = min(np.float32(1.0), max(np.float32(0.0), (px * ax + py * ay) * inverse2))
                r = r0 + t * (r1 - r0)
                ex, ey = px - t * ax, py - t * ay
                d = np.sqrt(ex * ex + ey * ey)
                if d > r + soft_px or c[6] > depth[y, x]:
                    continue
                alpha = min(np.float32(1.0), (r + soft_px - d) * inverse_soft)
                if r < np.float32(0.7):
                    alpha *= max(r, np.float32(0.15)) / np.float32(0.7)
                q = min(d / max(r, np.float32(0.3)), np.float32(1.0))
                shade = np.float32(0.0)
                if lambert > 0:
                    nz = np.sqrt(np.float32(1.0) - q * q)
                    scale = q / max(d, np.float32(1e-3))
                    shade = lambert * (ex * scale * light[0] + ey * scale * light[1] + nz * light[2] - np.float32(0.5))
                across = (px * ay - py * ax) / max(length, np.float32(1.0))
                u = int(t * length * texels + phase * 97) & mask
                v = int(across * texels + phase * 31) & mask
                grain = gain * tile[v, u]
                if channels == 1:
                    value = c[7] + grain - rim * q * q * q
                    image[y, x, 0] += alpha * (value - image[y, x, 0])
                else:
                    factor = max(np.float32(0.03), np.float32(1.0) + grain + shade - rim * q * q)
                    for k in range(channels):
                        image[y, x, k] += alpha * (c[7 + k] * factor - image[y, x, k])


@njit(
    "void(float32[:,:,::1],float32[:,::1],float64,float64[:,::1],float32[:,:,::1],float32[::1],boolean)",
    nogil=True,
    cache=True,
    fastmath=True,
)
def draw_quad(image, depth, z_m, corners, sprite, gain, write_depth):  # pragma: no cover - compiled
    """Draw a sprite (h, w, C + 1; the last channel is its opacity) in perspective.

    ``corners`` (4, 2): pixels of its top left, top right, bottom right and bottom left, clockwise on screen.
    Colours are multiplied by ``gain``. ``write_depth``: the thing joins the still world.
    """
    height, width, channels = image.shape
    rows, columns = sprite.shape[0], sprite.shape[1]
    # Unit square to quadrilateral (Heckbert 1989, section 2.2.3); its adjoint leads back.
    ax, ay = corners[0, 0], corners[0, 1]
    sx = ax - corners[1, 0] + corners[2, 0] - corners[3, 0]
    sy = ay - corners[1, 1] + corners[2, 1] - corners[3, 1]
    px, py = corners[1, 0] - corners[2, 0], corners[1, 1] - corners[2, 1]
    qx, qy = corners[3, 0] - corners[2, 0], corners[3, 1] - corners[2, 1]
    determinant = px * qy - qx * py
    g, h = (sx * qy - qx * sy) / determinant, (px * sy - sx * py) / determinant
    bx, by = corners[1, 0] * (1 + g) - ax, corners[1, 1] * (1 + g) - ay
    cx, cy = corners[3, 0] * (1 + h) - ax, corners[3, 1] * (1 + h) - ay
    u_x, u_y, u_1 = cy - ay * h, ax * h - cx, cx * ay - ax * cy
    v_x, v_y, v_1 = ay * g - by, bx - ax * g, ax * by - bx * ay
    w_x, w_y, w_1 = by * h - cy * g, cx * g - bx * h, bx * cy - cx * by
    edges = np.empty((4, 3), np.float32)
    left, right, top, bottom = ax, ax, ay, ay
    for e in range(4):
        x0, y0 = corners[e, 0], corners[e, 1]
        x1, y1 = corners[(e + 1) % 4, 0], corners[(e + 1) % 4, 1]
        length = max(np.hypot(x1 - x0, y1 - y0), 1e-6)
        edges[e, 0], edges[e, 1] = -(y1 - y0) / length, (x1 - x0) / length
        # 0.9, not 0.5: neighbouring panels overlap a little, so that nothing shines through their seam.
        edges[e, 2] = 0.9 - (edges[e, 0] * x0 + edges[e, 1] * y0)
        left, right, top, bottom = min(left, x0), max(right, x0), min(top, y0), max(bottom, y0)
    for y in range(int(max(0.0, top - 1)), int(min(height - 1.0, bottom + 1)) + 1):
        for x in range(int(max(0.0, left - 1)), int(min(width - 1.0, right + 1)) + 1):
            if z_m > depth[y, x]:
                continue
            inside = np.float32(1.0)
            for e in range(4):
                inside = min(inside, edges[e, 0] * x + edges[e, 1] * y + edges[e, 2])
            if inside <= 0:
                continue
            w = 1.0 / (w_x * x + w_y * y + w_1)
            u = min(columns - 1.001, max(0.0, (u_x * x + u_y * y + u_1) * w * (columns - 1)))
            v = min(rows - 1.001, max(0.0, (v_x * x + v_y * y + v_1) * w * (rows - 1)))
            i, j = int(u), int(v)
            a, b = np.float32(u - i), np.float32(v - j)
            w00 = (np.float32(1.0) - a) * (np.float32(1.0) - b)
            w01, w10, w11 = a * (np.float32(1.0) - b), (np.float32(1.0) - a) * b, a * b
            alpha = inside * (
                w00 * sprite[j, i, channels]
                + w01 * sprite[j, i + 1, channels]
                + w10 * sprite[j + 1, i, channels]
                + w11 * sprite[j + 1, i + 1, channels]
            )
            if alpha <= np.float32(0.004):
                continue
            for k in range(channels):
                value = gain[k] * (
                    w00 * sprite[j, i, k]
                    + w01 * sprite[j, i + 1, k]
                    + w10 * sprite[j + 1, i, k]
                    + w11 * sprite[j + 1, i + 1, k]
                )
                image[y, x, k] += alpha * (value - image[y, x, k])
            if write_depth and alpha > np.float32(0.5):
                depth[y, x] = z_m


@njit(
    "void(float32[:,:,::1],float32,float32,float32,float32,float32[::1],float32,float32)",
    nogil=True,
    cache=True,
    fastmath=True,
)
def add_glow(image, x, y, core_px, halo_px, colour, halo, stretch):  # pragma: no cover - compiled
    """Add a light source: a saturated core and a halo that falls as 1/(1 + r²)**1.5 (veiling glare), cut at 8 radii.
    A source without halo ends at three core radii.

    ``halo``: its strength over the core's. ``stretch``: how far a faint streak runs sideways, in halo radii.
    """
    height, width, channels = image.shape
    reach = halo_px * 8 if halo > 0 else core_px * 3
    left, right = int(max(0.0, x - reach)), int(min(width - 1.0, x + reach))
    top, bottom = int(max(0.0, y - reach)), int(min(height - 1.0, y + reach))
    inverse_core, inverse_halo = 1 / (core_px * core_px), 1 / (halo_px * halo_px)
    inverse_reach = 1 / (reach * reach)
    for row in range(top, bottom + 1):
        dy2 = (row - y) * (row - y)
        for column in range(left, right + 1):
            dx2 = (column - x) * (column - x)
            d2 = dx2 + dy2
            if d2 * inverse_reach >= 1:
                continue
            fade = np.float32(1.0) - d2 * inverse_reach
            q = 1 + d2 * inverse_halo
            value = halo * fade * fade / (q * np.sqrt(q))
            c2 = d2 * inverse_core
            if c2 < 9:
                value += np.exp(-c2)
            if stretch > 0:
                s = 1 + dx2 * inverse_halo / (stretch * stretch) + 40 * dy2 * inverse_halo
                value += np.float32(0.4) * halo * fade * fade / (s * s)
            for k in range(channels):
                image[row, column, k] += value * colour[k]


@njit(
    "void(float32[:,:,::1],float32[:,::1],float32[:,::1],float32,float32,float32,float32,float32,float32,float32,float32[::1])",
    nogil=True,
    cache=True,
    fastmath=True,
)
def add_beam(
    image, albedo, depth, focal_px, camera_x_m, camera_height_m, horizon_px, x_m, z_m, heads, colour
):  # pragma: no cover - compiled
    """Light the ground before a car whose front is at (``x_m``, ``z_m``); ``heads``: -1 towards the camera, 1 away.

    ``albedo``: 0 off the ground.

    The dipped beam: bright from 2 to 15 m, spreading; only for the upright visible view, whose rows have one depth.
    """
    height, width, channels = image.shape
    for y in range(int(horizon_px) + 2, height):
        ground_z = focal_px * camera_height_m / (y - horizon_px)
        ahead = heads * (ground_z - z_m)
        if ahead < np.float32(0.2) or ahead > np.float32(32.0):
            continue
        spread = np.float32(0.7) + np.float32(0.13) * ahead
        metre_px = focal_px / ground_z
        centre = (width - 1) / 2 + (x_m - camera_x_m) * metre_px
        reach = 3 * spread * metre_px
        level = np.float32(1.0) / (np.float32(1.0) + (ahead / 8) * (ahead / 8)) * min(np.float32(1.0), ahead / 3)
        for x in range(int(max(0.0, centre - reach)), int(min(width - 1.0, centre + reach)) + 1):
            if albedo[y, x] <= 0 or abs(depth[y, x] - ground_z) > np.float32(0.6) + np.float32(0.05) * ground_z:
                continue
            q = (x - centre) / (spread * metre_px)
            q2 = q * q
            edge = max(np.float32(0.0), np.float32(1.0) - q2 / 9)
            value = albedo[y, x] * level * edge / (1 + q2) ** 2
            for k in range(channels):
                image[y, x, k] += value * colour[k]


@njit("void(float32[:,:,::1],float32[:,::1],float64,float64,float64,float64,float64)", nogil=True, cache=True)
def shade_ground(image, depth, x, y, rx_px, ry_px, strength):  # pragma: no cover - compiled
    """Darken a soft ellipse: the contact shadow under a thing that stands at pixel (x, y)."""
    height, width, channels = image.shape
    for row in range(int(max(0.0, y - ry_px)), int(min(height - 1.0, y + ry_px)) + 1):
        for column in range(int(max(0.0, x - rx_px)), int(min(width - 1.0, x + rx_px)) + 1):
            d2 = ((column - x) / rx_px) ** 2 + ((row - y) / ry_px) ** 2
            if d2 < 1:
                factor = np.float32(1 - strength * (1 - d2) * (1 - d2))
                for k in range(channels):
                    image[row, column, k] *= factor


@njit(
    "void(float32[:,::1],float32[:,::1],float32[:,:,::1],float32[::1],float64)", nogil=True, cache=True, fastmath=True
)
def smoke_field(tile, envelope, out, scroll, density):  # pragma: no cover - compiled
    """Smoke at low resolution. ``out`` (h, w, 2): the share of light that is lost, and how bright the smoke is there.

    Three octaves of the periodic ``tile`` drift past each other by ``scroll`` (x and y of each, texels); ``envelope``
    (h, w) says how much smoke hangs where.
    """
    rows, columns = envelope.shape
    mask = tile.shape[0] - 1
    for y in range(rows):
        for x in range(columns):
            total = np.float32(0.0)
            low = np.float32(0.0)
            size = np.float32(0.36)
            weight = np.float32(1.0)
            for octave in range(3):
                u = x * size * np.float32(0.62) * 160 / columns + scroll[2 * octave]
                v = y * size * 160 / columns + scroll[2 * octave + 1]
                fu, fv = np.floor(u), np.floor(v)
                a, b = np.float32(u - fu), np.float32(v - fv)
                i, j = int(fu) & mask, int(fv) & mask
                i1, j1 = (i + 1) & mask, (j + 1) & mask
                a, b = a * a * (3 - 2 * a), b * b * (3 - 2 * b)
                top = tile[j, i] + a * (tile[j, i1] - tile[j, i])
                under = tile[j1, i] + a * (tile[j1, i1] - tile[j1, i])
                value = top + b * (under - top)
                total += weight * value
                if octave == 1:
                    low = value
                size *= np.float32(2.3)
                weight *= np.float32(0.36)
            much = max(np.float32(0.0), np.float32(0.66) + np.float32(0.80) * total)
            # Squared near nothing, so that wisps have soft edges.
            thickness = np.float32(density) * envelope[y, x] * much * much / (much + np.float32(0.35))
            out[y, x, 0] = np.float32(1.0) - np.exp(-thickness)
            out[y, x, 1] = max(np.float32(0.4), np.float32(1.0) + np.float32(0.07) * low - np.float32(0.05) * total)


@njit(
    "void(float32[:,:,::1],float32[:,::1],float32[:,:,::1],float32[::1],float64)", nogil=True, cache=True, fastmath=True
)
def veil(image, nearness, field, colour, loss):  # pragma: no cover - compiled
    """Lay smoke over a picture: ``image * (1 - s) + colour * brightness * s`` (Koschmieder 1924).

    ``field``: see smoke_field, enlarged bilinearly; ``nearness`` (H, W): the share of the smoke that is in front of
    each point; ``loss``: a factor on the share of light lost.
    """
    height, width, channels = image.shape
    rows, columns = field.shape[0], field.shape[1]
    column = np.empty(width, np.int32)
    part = np.empty(width, np.float32)
    for x in range(width):
        u = min(max((x + 0.5) * columns / width - 0.5, 0.0), columns - 1.001)
        column[x] = int(u)
        part[x] = np.float32(u - int(u))
    share_row = np.empty(columns, np.float32)
    bright_row = np.empty(columns, np.float32)
    strength = np.float32(loss)
    for y in range(height):
        v = min(max((y + 0.5) * rows / height - 0.5, 0.0), rows - 1.001)
        j = int(v)
        b = np.float32(v - j)
        for i in range(columns):
            share_row[i] = strength * (field[j, i, 0] + b * (field[j + 1, i, 0] - field[j, i, 0]))
            bright_row[i] = field[j, i, 1] + b * (field[j + 1, i, 1] - field[j, i, 1])
        for x in range(width):
            i, a = column[x], part[x]
            share = nearness[y, x] * (share_row[i] + a * (share_row[i + 1] - share_row[i]))
            bright = bright_row[i] + a * (bright_row[i + 1] - bright_row[i])
            for k in range(channels):
                image[y, x, k] += share * (colour[k] * bright - image[y, x, k])
