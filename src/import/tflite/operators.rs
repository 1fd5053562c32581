//! Operators by the numbers that files give them.

/// Names of the built-in operators, by number (`BuiltinOperator` of TensorFlow Lite's schema, version 3).
#[rustfmt::skip]
const NAMES: [&str; 210] = [
    "ADD", "AVERAGE_POOL_2D", "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D", "DEPTH_TO_SPACE",
    "DEQUANTIZE", "EMBEDDING_LOOKUP", "FLOOR", "FULLY_CONNECTED", "HASHTABLE_LOOKUP", "L2_NORMALIZATION",
    "L2_POOL_2D", "LOCAL_RESPONSE_NORMALIZATION", "LOGISTIC", "LSH_PROJECTION", "LSTM", "MAX_POOL_2D",
    "MUL", "RELU", "RELU_N1_TO_1", "RELU6", "RESHAPE", "RESIZE_BILINEAR", "RNN", "SOFTMAX",
    "SPACE_TO_DEPTH", "SVDF", "TANH", "CONCAT_EMBEDDINGS", "SKIP_GRAM", "CALL", "CUSTOM",
    "EMBEDDING_LOOKUP_SPARSE", "PAD", "UNIDIRECTIONAL_SEQUENCE_RNN", "GATHER", "BATCH_TO_SPACE_ND",
    "SPACE_TO_BATCH_ND", "TRANSPOSE", "MEAN", "SUB", "DIV", "SQUEEZE", "UNIDIRECTIONAL_SEQUENCE_LSTM",
    "STRIDED_SLICE", "BIDIRECTIONAL_SEQUENCE_RNN", "EXP", "TOPK_V2", "SPLIT", "LOG_SOFTMAX", "DELEGATE",
    "BIDIRECTIONAL_SEQUENCE_LSTM", "CAST", "PRELU", "MAXIMUM", "ARG_MAX", "MINIMUM", "LESS", "NEG", "PADV2",
    "GREATER", "GREATER_EQUAL", "LESS_EQUAL", "SELECT", "SLICE", "SIN", "TRANSPOSE_CONV", "SPARSE_TO_DENSE",
    "TILE", "EXPAND_DIMS", "EQUAL", "NOT_EQUAL", "LOG", "SUM", "SQRT", "RSQRT", "SHAPE", "POW", "ARG_MIN",
    "FAKE_QUANT", "REDUCE_PROD", "REDUCE_MAX", "PACK", "LOGICAL_OR", "ONE_HOT", "LOGICAL_AND",
    "LOGICAL_NOT", "UNPACK", "REDUCE_MIN", "FLOOR_DIV", "REDUCE_ANY", "SQUARE", "ZEROS_LIKE", "FILL",
    "FLOOR_MOD", "RANGE", "RESIZE_NEAREST_NEIGHBOR", "LEAKY_RELU", "SQUARED_DIFFERENCE", "MIRROR_PAD",
    "ABS", "SPLIT_V", "UNIQUE", "CEIL", "REVERSE_V2", "ADD_N", "GATHER_ND", "COS", "WHERE", "RANK", "ELU",
    "REVERSE_SEQUENCE", "MATRIX_DIAG", "QUANTIZE", "MATRIX_SET_DIAG", "ROUND", "HARD_SWISH", "IF", "WHILE",
    "NON_MAX_SUPPRESSION_V4", "NON_MAX_SUPPRESSION_V5", "SCATTER_ND", "SELECT_V2", "DENSIFY", "SEGMENT_SUM",
    "BATCH_MATMUL", "PLACEHOLDER_FOR_GREATER_OP_CODES", "CUMSUM", "CALL_ONCE", "BROADCAST_TO", "RFFT2D",
    "CONV_3D", "IMAG", "REAL", "COMPLEX_ABS", "HASHTABLE", "HASHTABLE_FIND", "HASHTABLE_IMPORT",
    "HASHTABLE_SIZE", "REDUCE_ALL", "CONV_3D_TRANSPOSE", "VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE",
    "BROADCAST_ARGS", "RANDOM_STANDARD_NORMAL", "BUCKETIZE", "RANDOM_UNIFORM", "MULTINOMIAL", "GELU",
    "DYNAMIC_UPDATE_SLICE", "RELU_0_TO_1", "UNSORTED_SEGMENT_PROD", "UNSORTED_SEGMENT_MAX",
    "UNSORTED_SEGMENT_SUM", "ATAN2", "UNSORTED_SEGMENT_MIN", "SIGN", "BITCAST", "BITWISE_XOR",
    "RIGHT_SHIFT", "STABLEHLO_LOGISTIC", "STABLEHLO_ADD", "STABLEHLO_DIVIDE", "STABLEHLO_MULTIPLY",
    "STABLEHLO_MAXIMUM", "STABLEHLO_RESHAPE", "STABLEHLO_CLAMP", "STABLEHLO_CONCATENATE",
    "STABLEHLO_BROADCAST_IN_DIM", "STABLEHLO_CONVOLUTION", "STABLEHLO_SLICE", "STABLEHLO_CUSTOM_CALL",
    "STABLEHLO_REDUCE", "STABLEHLO_ABS", "STABLEHLO_AND", "STABLEHLO_COSINE", "STABLEHLO_EXPONENTIAL",
    "STABLEHLO_FLOOR", "STABLEHLO_LOG", "STABLEHLO_MINIMUM", "STABLEHLO_NEGATE", "STABLEHLO_OR",
    "STABLEHLO_POWER", "STABLEHLO_REMAINDER", "STABLEHLO_RSQRT", "STABLEHLO_SELECT", "STABLEHLO_SUBTRACT",
    "STABLEHLO_TANH", "STABLEHLO_SCATTER", "STABLEHLO_COMPARE", "STABLEHLO_CONVERT",
    "STABLEHLO_DYNAMIC_SLICE", "STABLEHLO_DYNAMIC_UPDATE_SLICE", "STABLEHLO_PAD", "STABLEHLO_IOTA",
    "STABLEHLO_DOT_GENERAL", "STABLEHLO_REDUCE_WINDOW", "STABLEHLO_SORT", "STABLEHLO_WHILE",
    "STABLEHLO_GATHER", "STABLEHLO_TRANSPOSE", "DILATE", "STABLEHLO_RNG_BIT_GENERATOR", "REDUCE_WINDOW",
    "STABLEHLO_COMPOSITE", "STABLEHLO_SHIFT_LEFT", "STABLEHLO_CBRT", "STABLEHLO_CASE",
];

/// The number that stands for an operator with a name of its own.
pub const CUSTOM: u32 = 32;

/// The name of a built-in operator.
pub fn name(code: u32) -> Option<&'static str> {
    NAMES.get(usize::try_from(code).ok()?).copied()
}

/// Why a built-in operator cannot be taken.
pub fn refusal(name: &str) -> &'static str {
    let holds = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
    if holds(&["LSTM", "RNN"]) {
        "a recurrent layer"
    } else if runs_subgraphs(name) {
        "a part of the network that another one calls"
    } else if holds(&["VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "HASHTABLE"]) {
        "a state that stays from one image to the next"
    } else if name.starts_with("STABLEHLO_") {
        "an operator of StableHLO, not of TensorFlow Lite"
    } else if name == "DENSIFY" {
        "weights that are stored sparse"
    } else {
        "a layer that Bitsmith does not have"
    }
}

/// Whether an operator runs other subgraphs.
pub fn runs_subgraphs(name: &str) -> bool {
    ["IF", "WHILE", "CALL", "CALL_ONCE", "STABLEHLO_WHILE", "STABLEHLO_COMPOSITE"].contains(&name)
}

/// Why an operator with a name of its own cannot be taken.
pub fn custom_refusal(name: &str) -> &'static str {
    if name == "edgetpu-custom-op" {
        "layers compiled for the Edge TPU, which cannot be read back; open the file from before its compiler"
    } else if name.starts_with("Flex") {
        "an operator of TensorFlow itself, not of TensorFlow Lite; convert the network without SELECT_TF_OPS"
    } else if name.starts_with("TFLite_Detection") {
        "a step of object detection"
    } else {
        "a custom operator, which only the program that made it knows"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_have_the_numbers_of_the_schema() {
        for (code, expected) in [
            (0, "ADD"),
            (3, "CONV_2D"),
            (4, "DEPTHWISE_CONV_2D"),
            (9, "FULLY_CONNECTED"),
            (25, "SOFTMAX"),
            (CUSTOM, "CUSTOM"),
            (114, "QUANTIZE"),
            (117, "HARD_SWISH"),
            (152, "RELU_0_TO_1"),
            (206, "STABLEHLO_COMPOSITE"),
        ] {
            assert_eq!(name(code), Some(expected));
        }
        assert_eq!(name(NAMES.len() as u32), None);
        assert_eq!(name(u32::MAX), None);
    }

    #[test]
    fn refusals_name_what_is_in_the_way() {
        for (name, part) in [
            ("UNIDIRECTIONAL_SEQUENCE_LSTM", "recurrent"),
            ("IF", "another one calls"),
            ("GATHER", "Bitsmith does not have"),
            ("DENSIFY", "sparse"),
        ] {
            assert!(NAMES.contains(&name) && refusal(name).contains(part), "{name}");
        }
        for (name, part) in [
            ("edgetpu-custom-op", "Edge TPU"),
            ("FlexErf", "SELECT_TF_OPS"),
            ("TFLite_Detection_PostProcess", "detection"),
            ("Mine", "custom"),
        ] {
            assert!(custom_refusal(name).contains(part), "{name}");
        }
    }
}
