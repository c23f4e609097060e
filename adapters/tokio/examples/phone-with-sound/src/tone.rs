//! A tone as G.711 (PCMU), which needs no codec library, and what can be told of one.

/// Samples a second.
pub(crate) const RATE: u32 = 8_000;
/// Samples of one packet: 20 ms.
pub(crate) const FRAME: usize = 160;
/// Quieter is silence.
const THRESHOLD: i16 = 1_000;

/// An endless sine.
pub(crate) struct Sine {
    hz: u32,
    at: u32,
}

impl Sine {
    pub(crate) fn new(hz: u32) -> Self {
        Self { hz, at: 0 }
    }

    /// The next packet.
    pub(crate) fn frame(&mut self) -> [u8; FRAME] {
        std::array::from_fn(|_| {
            let phase = f64::from(self.at) / f64::from(RATE) * f64::from(self.hz);
            // It repeats each second.
            self.at = (self.at + 1) % RATE;
            encode(((phase * std::f64::consts::TAU).sin() * 10_000.0) as i16)
        })
    }
}

/// Its frequency, by the times at which it crosses zero upwards; `None` for silence.
pub(crate) fn frequency(samples: &[i16]) -> Option<f64> {
    if samples.iter().all(|sample| sample.abs() < THRESHOLD) {
        return None;
    }
    let upwards = samples.windows(2).enumerate().filter(|(_, pair)| pair[0] < 0 && pair[1] >= 0);
    let between = |(at, pair): (usize, &[i16])| {
        let (below, above) = (f64::from(-pair[0]), f64::from(pair[1]));
        at as f64 + below / (below + above)
    };
    let crossings: Vec<f64> = upwards.map(between).collect();
    let [first, .., last] = crossings[..] else { return None };
    Some((crossings.len() - 1) as f64 / (last - first) * f64::from(RATE))
}

/// G.711, µ-law.
fn encode(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = sample.unsigned_abs().min(32_635) + 132;
    let exponent = 8 - magnitude.leading_zeros() as u8;
    let mantissa = (magnitude >> (exponent + 3)) as u8 & 0x0f;
    !(sign | exponent << 4 | mantissa)
}

/// The reverse.
pub(crate) fn decode(byte: u8) -> i16 {
    let byte = !byte;
    let magnitude = ((i16::from(byte & 0x0f) << 3) + 132) << (byte >> 4 & 7);
    let sample = magnitude - 132;
    if byte & 0x80 == 0 { sample } else { -sample }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mu_law_as_the_standard_has_it() {
        for (sample, byte) in [(0, 0xff), (32_635, 0x80), (-32_635, 0x00), (1_000, 0xce), (-1_000, 0x4e)] {
            assert_eq!(encode(sample), byte, "{sample}");
        }
        for byte in 0..=u8::MAX {
            // There are two zeros.
            assert!(encode(decode(byte)) == byte || byte == 0x7f, "{byte:#x}");
        }
    }

    #[test]
    fn the_frequency_of_a_tone_is_measured() {
        for hz in [440, 660, 1_000] {
            let mut sine = Sine::new(hz);
            let samples: Vec<i16> = (0..10).flat_map(|_| sine.frame().map(decode)).collect();
            let measured = frequency(&samples).expect("no silence");
            assert!((measured - f64::from(hz)).abs() < 1.0, "{hz}: {measured}");
        }
        assert_eq!(frequency(&[0; 1_600]), None);
    }
}
