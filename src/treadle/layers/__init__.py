"""Layers: torch modules that are built on their first call."""

from treadle._core import publish
from treadle.layers._activation_layers import ELU, Activation, LeakyReLU, PReLU, ReLU, Softmax
from treadle.layers._adaptive_pooling import (
    AdaptiveAveragePooling1D,
    AdaptiveAveragePooling2D,
    AdaptiveAveragePooling3D,
    AdaptiveMaxPooling1D,
    AdaptiveMaxPooling2D,
    AdaptiveMaxPooling3D,
)
from treadle.layers._attention import AdditiveAttention, Attention
from treadle.layers._batch_normalization import BatchNormalization
from treadle.layers._bidirectional import Bidirectional
from treadle.layers._call import (
    build_by_running,
    collect_weights,
    own_weights,
    regularized_weights,
)
from treadle.layers._concatenation import Concatenate, concatenate
from treadle.layers._context import weights_to_be_loaded
from treadle.layers._conv_lstm import ConvLSTM1D, ConvLSTM2D, ConvLSTM3D
from treadle.layers._convolution import Conv1D, Conv2D, Conv3D
from treadle.layers._convolution import Conv1D as Convolution1D
from treadle.layers._convolution import Conv2D as Convolution2D
from treadle.layers._convolution import Conv3D as Convolution3D
from treadle.layers._dense import Dense
from treadle.layers._depthwise import (
    DepthwiseConv1D,
    DepthwiseConv2D,
    SeparableConv1D,
    SeparableConv2D,
)
from treadle.layers._depthwise import SeparableConv1D as SeparableConvolution1D
from treadle.layers._depthwise import SeparableConv2D as SeparableConvolution2D
from treadle.layers._dot import Dot, dot
from treadle.layers._dropout import Dropout, SpatialDropout1D, SpatialDropout2D, SpatialDropout3D
from treadle.layers._einsum_dense import EinsumDense
from treadle.layers._embedding import Embedding, ReversibleEmbedding
from treadle.layers._family import FAMILY, deserialize, serialize
from treadle.layers._features import (
    CategoryEncoding,
    Discretization,
    HashedCrossing,
    Hashing,
    IntegerLookup,
    MelSpectrogram,
    Normalization,
    STFTSpectrogram,
    StringLookup,
    TextVectorization,
)
from treadle.layers._global_pooling import (
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalAveragePooling3D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    GlobalMaxPooling3D,
)
from treadle.layers._global_pooling import GlobalAveragePooling1D as GlobalAvgPool1D
from treadle.layers._global_pooling import GlobalAveragePooling2D as GlobalAvgPool2D
from treadle.layers._global_pooling import GlobalAveragePooling3D as GlobalAvgPool3D
from treadle.layers._global_pooling import GlobalMaxPooling1D as GlobalMaxPool1D
from treadle.layers._global_pooling import GlobalMaxPooling2D as GlobalMaxPool2D
from treadle.layers._global_pooling import GlobalMaxPooling3D as GlobalMaxPool3D
from treadle.layers._identity import ActivityRegularization, Identity, Lambda, Masking
from treadle.layers._images import (
    AugMix,
    AutoContrast,
    CenterCrop,
    ContrastLimitedAdaptiveHistogramEqualization,
    CutMix,
    Equalization,
    MaxNumBoundingBoxes,
    MixUp,
    Pipeline,
    RandAugment,
    RandomBrightness,
    RandomColorDegeneration,
    RandomColorJitter,
    RandomContrast,
    RandomCrop,
    RandomElasticTransform,
    RandomErasing,
    RandomFlip,
    RandomGaussianBlur,
    RandomGrayscale,
    RandomHue,
    RandomInvert,
    RandomPerspective,
    RandomPosterization,
    RandomRotation,
    RandomSaturation,
    RandomSharpness,
    RandomShear,
    RandomTranslation,
    RandomZoom,
    Resizing,
    Solarization,
)
from treadle.layers._input import Input, InputLayer
from treadle.layers._input_spec import InputSpec
from treadle.layers._layer import Layer
from treadle.layers._merging import (
    Add,
    Average,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
    add,
    average,
    maximum,
    minimum,
    multiply,
    subtract,
)
from treadle.layers._multi_head_attention import GroupQueryAttention, MultiHeadAttention
from treadle.layers._noise import AlphaDropout, GaussianDropout, GaussianNoise
from treadle.layers._normalization_layers import (
    GroupNormalization,
    LayerNormalization,
    RMSNormalization,
    UnitNormalization,
)
from treadle.layers._padding import (
    Cropping1D,
    Cropping2D,
    Cropping3D,
    ZeroPadding1D,
    ZeroPadding2D,
    ZeroPadding3D,
)
from treadle.layers._pooling import (
    AveragePooling1D,
    AveragePooling2D,
    AveragePooling3D,
    MaxPooling1D,
    MaxPooling2D,
    MaxPooling3D,
)
from treadle.layers._pooling import AveragePooling1D as AvgPool1D
from treadle.layers._pooling import AveragePooling2D as AvgPool2D
from treadle.layers._pooling import AveragePooling3D as AvgPool3D
from treadle.layers._pooling import MaxPooling1D as MaxPool1D
from treadle.layers._pooling import MaxPooling2D as MaxPool2D
from treadle.layers._pooling import MaxPooling3D as MaxPool3D
from treadle.layers._random_stream import RandomStream
from treadle.layers._recurrent import GRU, LSTM, SimpleRNN
from treadle.layers._recurrent_cells import GRUCell, LSTMCell, SimpleRNNCell
from treadle.layers._rescaling import Rescaling
from treadle.layers._reshaping import Flatten, Permute, RepeatVector, Reshape
from treadle.layers._rnn import RNN
from treadle.layers._stacked_cells import StackedRNNCells
from treadle.layers._time_distributed import TimeDistributed
from treadle.layers._torch_module_wrapper import TorchModuleWrapper
from treadle.layers._tracked import Tracker
from treadle.layers._transposed import Conv1DTranspose, Conv2DTranspose, Conv3DTranspose
from treadle.layers._transposed import Conv1DTranspose as Convolution1DTranspose
from treadle.layers._transposed import Conv2DTranspose as Convolution2DTranspose
from treadle.layers._transposed import Conv3DTranspose as Convolution3DTranspose
from treadle.layers._upsampling import UpSampling1D, UpSampling2D, UpSampling3D
from treadle.layers._wrapper import SpectralNormalization, Wrapper

__all__ = [
    "ELU",
    "GRU",
    "LSTM",
    "RNN",
    "Activation",
    "ActivityRegularization",
    "AdaptiveAveragePooling1D",
    "AdaptiveAveragePooling2D",
    "AdaptiveAveragePooling3D",
    "AdaptiveMaxPooling1D",
    "AdaptiveMaxPooling2D",
    "AdaptiveMaxPooling3D",
    "Add",
    "AdditiveAttention",
    "AlphaDropout",
    "Attention",
    "AugMix",
    "AutoContrast",
    "Average",
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "AvgPool1D",
    "AvgPool2D",
    "AvgPool3D",
    "BatchNormalization",
    "Bidirectional",
    "CategoryEncoding",
    "CenterCrop",
    "Concatenate",
    "ContrastLimitedAdaptiveHistogramEqualization",
    "Conv1D",
    "Conv1DTranspose",
    "Conv2D",
    "Conv2DTranspose",
    "Conv3D",
    "Conv3DTranspose",
    "ConvLSTM1D",
    "ConvLSTM2D",
    "ConvLSTM3D",
    "Convolution1D",
    "Convolution1DTranspose",
    "Convolution2D",
    "Convolution2DTranspose",
    "Convolution3D",
    "Convolution3DTranspose",
    "Cropping1D",
    "Cropping2D",
    "Cropping3D",
    "CutMix",
    "Dense",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "Discretization",
    "Dot",
    "Dropout",
    "EinsumDense",
    "Embedding",
    "Equalization",
    "Flatten",
    "GRUCell",
    "GaussianDropout",
    "GaussianNoise",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling3D",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalAvgPool3D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GlobalMaxPool3D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalMaxPooling3D",
    "GroupNormalization",
    "GroupQueryAttention",
    "HashedCrossing",
    "Hashing",
    "Identity",
    "Input",
    "InputLayer",
    "InputSpec",
    "IntegerLookup",
    "LSTMCell",
    "Lambda",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "Masking",
    "MaxNumBoundingBoxes",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPool3D",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
    "Maximum",
    "MelSpectrogram",
    "Minimum",
    "MixUp",
    "MultiHeadAttention",
    "Multiply",
    "Normalization",
    "PReLU",
    "Permute",
    "Pipeline",
    "RMSNormalization",
    "RandAugment",
    "RandomBrightness",
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomContrast",
    "RandomCrop",
    "RandomElasticTransform",
    "RandomErasing",
    "RandomFlip",
    "RandomGaussianBlur",
    "RandomGrayscale",
    "RandomHue",
    "RandomInvert",
    "RandomPerspective",
    "RandomPosterization",
    "RandomRotation",
    "RandomSaturation",
    "RandomSharpness",
    "RandomShear",
    "RandomTranslation",
    "RandomZoom",
    "ReLU",
    "RepeatVector",
    "Rescaling",
    "Reshape",
    "Resizing",
    "ReversibleEmbedding",
    "STFTSpectrogram",
    "SeparableConv1D",
    "SeparableConv2D",
    "SeparableConvolution1D",
    "SeparableConvolution2D",
    "SimpleRNN",
    "SimpleRNNCell",
    "Softmax",
    "Solarization",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "SpectralNormalization",
    "StackedRNNCells",
    "StringLookup",
    "Subtract",
    "TextVectorization",
    "TimeDistributed",
    "TorchModuleWrapper",
    "UnitNormalization",
    "UpSampling1D",
    "UpSampling2D",
    "UpSampling3D",
    "Wrapper",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "ZeroPadding3D",
    "add",
    "average",
    "concatenate",
    "deserialize",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "serialize",
    "subtract",
]

publish(globals())
