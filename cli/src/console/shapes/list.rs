const SHAPES: &[(&[&str], Shape)] = &[];
