//! AMX int8 tiles: 32 queries by two panels, four tiles of 16 × 16 sums.
//!
//! Written in assembler, for there are no stable intrinsics. The kernel must grant a process the tiles,
//! and the first use multiplies a small block and compares it with the plain loops: where the answers
//! differ, the level counts as absent. The machines that this was developed on have no AMX, so it was
//! assembled and never run.

#![expect(unsafe_code, reason = "tiles are reached by assembler alone")]

use std::arch::asm;
use std::arch::x86_64::*;
use std::sync::OnceLock;

use super::{LANES, Packed, Panels, Queries, avx512, scalar};

/// Queries of a step: two tiles.
const STEP: usize = 32;

/// Sums of a tile.
const SUMS: usize = LANES * LANES;

pub fn is_available() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| avx512::is_available() && has_tiles() && is_granted() && is_right())
}

/// Whether the processor has int8 tiles: CPUID leaf 7, bits 24 and 25 of EDX.
fn has_tiles() -> bool {
    let leaves = __cpuid(0).eax;
    leaves >= 7 && __cpuid_count(7, 0).edx >> 24 & 0b11 == 0b11
}

/// Asks the system for the tiles: `arch_prctl(ARCH_REQ_XCOMP_PERM, XTILEDATA)`, once for a process.
#[cfg(target_os = "linux")]
fn is_granted() -> bool {
    const ARCH_PRCTL: i64 = 158;
    const ARCH_REQ_XCOMP_PERM: u64 = 0x1023;
    const XTILEDATA: u64 = 18;
    let status: i64;
    // SAFETY: the call asks for a permission and touches no memory; `syscall` overwrites rcx and r11.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") ARCH_PRCTL => status,
            in("rdi") ARCH_REQ_XCOMP_PERM,
            in("rsi") XTILEDATA,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    status == 0
}

#[cfg(not(target_os = "linux"))]
fn is_granted() -> bool {
    false
}

/// Whether the tiles give the sums of the plain loops, on numbers that would show a wrong order or sign.
fn is_right() -> bool {
    let mut rows = Packed::new(96, 128);
    for mut part in rows.parts() {
        for row in 0..96 {
            let numbers: Vec<i8> = (0..128).map(|k| ((row * 37 + k * 11) % 255 - 127) as i8).collect();
            part.set(row as usize, &numbers, row as i16, -row);
        }
    }
    let (queries, panels) = (rows.queries(0, 96), rows.panels(0, 5));
    [-100_000, 0, 1, 20_000, 100_000].into_iter().all(|threshold| {
        let (mut plain, mut tiles) = (vec![0; 96 * 5], vec![0; 96 * 5]);
        scalar::hits(queries, panels, threshold, &mut plain);
        hits(queries, panels, threshold, &mut tiles);
        plain == tiles
    })
}

/// What `ldtilecfg` reads: eight tiles of 16 rows of 64 bytes.
#[repr(C, align(64))]
struct Config([u8; 64]);

const CONFIG: Config = {
    let mut config = [0; 64];
    config[0] = 1;
    let mut tile = 0;
    while tile < 8 {
        config[16 + 2 * tile] = 64;
        config[48 + tile] = 16;
        tile += 1;
    }
    Config(config)
};

/// Sums of four tiles: queries 0–15 with both panels, then queries 16–31.
#[repr(C, align(64))]
struct Sums([[i32; SUMS]; 4]);

pub fn hits(queries: Queries<'_>, panels: Panels<'_>, threshold: i32, masks: &mut [u16]) {
    let (depth, rows, count) = (queries.depth, queries.tails.len(), panels.tails.len());
    let lines = depth / 4;
    let mut sums = Sums([[0; SUMS]; 4]);
    // SAFETY: `is_available` found the tiles and was granted them; the configuration is 64 bytes.
    unsafe { asm!("ldtilecfg [{0}]", in(reg) CONFIG.0.as_ptr(), options(nostack, readonly)) };
    for panel in (0..count).step_by(2) {
        // The last of an odd number of panels is multiplied twice, which changes nothing.
        let pair = [panel, (panel + 1).min(count - 1)];
        let x = pair.map(|p| panels.lines[p * lines..][..lines].as_ptr());
        for first in (0..rows).step_by(STEP) {
            let q = queries.numbers[first * depth..][..STEP * depth].as_ptr();
            // SAFETY: 32 rows of `depth` numbers begin at `q` and `depth / 4` lines at each of `x`; the loop
            // reads 64 numbers of each row and 16 lines a turn. Four tiles of 1,024 bytes fit `sums`.
            unsafe {
                asm!(
                    "tilezero tmm0",
                    "tilezero tmm1",
                    "tilezero tmm2",
                    "tilezero tmm3",
                    "2:",
                    "tileloadd tmm4, [{q} + {depth}*1]",
                    "tileloadd tmm5, [{r} + {depth}*1]",
                    "tileloadd tmm6, [{x} + {line}*1]",
                    "tileloadd tmm7, [{y} + {line}*1]",
                    "tdpbsud tmm0, tmm4, tmm6",
                    "tdpbsud tmm1, tmm4, tmm7",
                    "tdpbsud tmm2, tmm5, tmm6",
                    "tdpbsud tmm3, tmm5, tmm7",
                    "add {q}, 64",
                    "add {r}, 64",
                    "add {x}, 1024",
                    "add {y}, 1024",
                    "dec {turns}",
                    "jnz 2b",
                    "tilestored [{out} + {line}*1], tmm0",
                    "tilestored [{out} + {line}*1 + 1024], tmm1",
                    "tilestored [{out} + {line}*1 + 2048], tmm2",
                    "tilestored [{out} + {line}*1 + 3072], tmm3",
                    q = inout(reg) q => _,
                    r = inout(reg) q.add(16 * depth) => _,
                    x = inout(reg) x[0] => _,
                    y = inout(reg) x[1] => _,
                    turns = inout(reg) depth / 64 => _,
                    depth = in(reg) depth,
                    line = in(reg) 64usize,
                    out = in(reg) sums.0.as_mut_ptr(),
                    out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                    out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                    options(nostack),
                );
                for (tile, sums) in sums.0.iter().enumerate() {
                    let (p, first) = (pair[tile % 2], first + tile / 2 * LANES);
                    test(
                        &queries,
                        &panels,
                        p,
                        first,
                        sums,
                        threshold,
                        &mut masks[p * rows + first..][..LANES],
                    );
                }
            }
        }
    }
    // SAFETY: as above; it gives back what `ldtilecfg` took.
    unsafe { asm!("tilerelease", options(nostack, nomem)) };
}

/// Tests the sums of 16 queries from `first` on with the rows of a panel.
#[target_feature(enable = "avx512f,avx512bw")]
fn test(
    queries: &Queries<'_>,
    panels: &Panels<'_>,
    panel: usize,
    first: usize,
    sums: &[i32; SUMS],
    threshold: i32,
    masks: &mut [u16],
) {
    let load = |lanes: &[i32]| {
        // SAFETY: the slices are of 16 lanes, 64 bytes.
        unsafe { _mm512_loadu_si512(lanes[..LANES].as_ptr().cast()) }
    };
    let (tails, bases) = (load(&panels.tails[panel].0), load(&panels.bases[panel].0));
    for (row, mask) in masks.iter_mut().enumerate() {
        let at = first + row;
        let base = _mm512_set1_epi32(queries.bases[at] + queries.offsets[at]);
        let tail = _mm512_madd_epi16(_mm512_set1_epi32(queries.tails[at]), tails);
        let most = _mm512_add_epi32(_mm512_add_epi32(base, bases), tail);
        let sum = _mm512_add_epi32(load(&sums[row * LANES..]), most);
        *mask = _mm512_cmpge_epi32_mask(sum, _mm512_set1_epi32(threshold));
    }
}
