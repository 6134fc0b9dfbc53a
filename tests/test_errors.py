import keras
import pytest
import tensorflow as tf

from tfapp.errors import reason_of_call


def reason(call):
    with pytest.raises(Exception) as raised:
        call()
    return reason_of_call(raised.value)


def test_reason_of_keras_is_told_with_the_layer():
    told = reason(lambda: keras.layers.Reshape((5,))(tf.zeros((1, 3))))
    assert told.startswith("Reshape: ") and "Exception encountered" not in told and "{{" not in told


def test_reason_of_tensorflow_is_told_without_its_places():
    told = reason(lambda: tf.concat([tf.zeros((1, 2)), tf.zeros((2, 3))], 1))
    assert told.startswith("ConcatOp : Dimension 0 in both shapes must be equal") and "[Op:" not in told


def test_error_without_words_is_told_by_its_name():
    assert reason_of_call(MemoryError()) == "MemoryError"


def test_reason_is_one_sentence_without_a_full_stop():
    assert reason_of_call(ValueError("It is wrong. Mend it.\nAt once.")) == "It is wrong"
