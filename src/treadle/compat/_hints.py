"""What to use instead of names that have no look-alike: (pattern of the whole path, what to type)."""

from __future__ import annotations

HINTS: dict[str, str] = {
    # TensorFlow 1
    r"tensorflow\.(Session|InteractiveSession|placeholder|get_variable|variable_scope|Graph"
    r"|global_variables_initializer|get_default_graph|ConfigProto)": (
        "that is TensorFlow 1; tensors have their values at once, so call the functions directly"
    ),
    r"tensorflow\.compat\.v1(\..*)?|tensorflow\.contrib(\..*)?|tensorflow\.app(\..*)?|tensorflow\.flags(\..*)?": (
        "that is TensorFlow 1; write it with the names of TensorFlow 2 or of torch"
    ),
    r"tensorflow\.estimator(\..*)?": "use a model with compile() and fit()",
    r"(tensorflow|keras)\.gradients|keras\.backend\.gradients": (
        "with tf.GradientTape() as tape: ...; tape.gradient(target, sources)"
    ),
    r"keras\.backend\.function": "make a model of the inputs and outputs: keras.Model(inputs, outputs)",
    r"keras\.backend\.(learning_phase|set_learning_phase)": (
        "say it in the call: model(x, training=True), or model.train() and model.eval()"
    ),
    r"keras\.backend\.(get_session|set_session)": "there are no sessions; leave it out",
    r"keras\.backend\.(rnn|conv\w*|pool\w*|depthwise\w*|separable\w*)": (
        "use the layer, or torch.nn.functional"
    ),
    # Devices and many processes
    r"tensorflow\.distribute(\..*)?": (
        "start the script with torchrun and use treadle.distribution, or torch.distributed"
    ),
    r"tensorflow\.config\.(experimental\.)?(set_visible_devices|set_logical_device_configuration"
    r"|set_virtual_device_configuration)": "set CUDA_VISIBLE_DEVICES, or torch.cuda.set_device",
    r"tensorflow\.config\.run_functions_eagerly": "leave out the decorator tf.function",
    r"tensorflow\.config\.threading(\..*)?": "torch.set_num_threads",
    r"tensorflow\.config\.optimizer(\..*)?": "leave it out, or torch.backends",
    r"tensorflow\.profiler(\..*)?": "torch.profiler",
    r"tensorflow\.debugging\.enable_check_numerics": "torch.autograd.set_detect_anomaly(True)",
    # What torch cannot hold
    r"tensorflow\.(string|strings(\..*)?)": "keep texts in lists or NumPy arrays of str",
    r"tensorflow\.(ragged(\..*)?|RaggedTensor|RaggedTensorSpec)": "torch.nested, or pad the rows to one length",
    r"tensorflow\.(sparse(\..*)?|SparseTensor|SparseTensorSpec|IndexedSlices)": "torch.sparse_coo_tensor",
    r"tensorflow\.(lookup(\..*)?)": "a dict, or a StringLookup layer",
    r"tensorflow\.TensorArray": "a list, and torch.stack at the end",
    r"tensorflow\.custom_gradient": "torch.autograd.Function",
    # Files
    r"tensorflow\.(io|image)\.(decode_\w+|read_file|encode_\w+|write_file)": "PIL.Image, or keras.utils.load_img",
    r"tensorflow\.(io\.gfile|gfile)(\..*)?": "pathlib and shutil",
    r"tensorflow\.io(\..*)?": "plain files, NumPy's np.load, or torch.load",
    r"tensorflow\.saved_model(\..*)?": "model.save(path) and keras.models.load_model(path), or model.export(path)",
    r"tensorflow\.lite(\..*)?": "model.export(path)",
    r"tensorflow\.train\.(Checkpoint|CheckpointManager|latest_checkpoint)": "treadle.Checkpoint",
    r"tensorflow\.train": "treadle.Checkpoint; optimizers are in tf.keras.optimizers",
    r"tensorflow\.train\.\w*(Optimizer)": "the optimizer of the same name in tf.keras.optimizers",
    r"tensorflow\.train\.(Example|Feature|Features|BytesList|FloatList|Int64List)": (
        "NumPy arrays, and tf.data.Dataset.from_tensor_slices"
    ),
    r"tensorflow\.data\.(TFRecordDataset|TextLineDataset|FixedLengthRecordDataset|experimental\.\w+)": (
        "tf.data.Dataset.from_generator over a function that reads the files"
    ),
    # Keras
    r"keras\.preprocessing\.image\.\w*(ImageDataGenerator|Iterator)": (
        "layers such as keras.layers.RandomFlip, and keras.utils.image_dataset_from_directory"
    ),
    r"keras\.preprocessing\.text(\..*)?": "keras.layers.TextVectorization",
    r"keras\.layers\.(CuDNN)(\w+)": "the layer of the same name without CuDNN",
    r"keras\.layers\.(ThresholdedReLU)": "keras.layers.ReLU(threshold=theta)",
    r"keras\.layers\.(LocallyConnected\dD)": "torch.nn.functional.unfold and an einsum, in a layer of your own",
    r"keras\.(wrappers|scikit_learn)(\..*)?": "keras.wrappers.SKLearnClassifier",
    r"keras\.optimizers\.(TFOptimizer)": "any torch.optim optimizer",
    r"keras\.applications(\..*)?": (
        "torchvision.models, and treadle.Model.from_torch(module) for fit() and the rest"
    ),
    r"keras\.estimator(\..*)?": "use a model with compile() and fit()",
    r"tensorflow_datasets\.(\w+)": "tensorflow_datasets.load(name), or treadle.datasets",
}
