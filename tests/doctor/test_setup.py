import numpy as np


def test_eight_rows_of_train_are_encoded_for_each_model(healthy):
    setup = healthy().setup()
    train = setup.splits.train
    chosen = [round(i * (len(train) - 1) / 7) for i in range(8)]
    for rows, source in ((setup.teacher_rows, setup.teacher_reader), (setup.student_rows, setup.student_reader)):
        assert rows == source.encode(train.take(chosen))
        assert [row["labels"] for row in rows] == np.array(train.labels)[chosen].tolist()
