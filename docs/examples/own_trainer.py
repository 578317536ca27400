"""The usual script, with DistillationTrainer: python own_trainer.py TEACHER STUDENT TRAIN.csv (columns text, label)."""

import sys

from datasets import load_dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding, TrainingArguments

from alambique import DistillationTrainer

teacher_name, student_name, file = sys.argv[1:]
teacher = AutoModelForSequenceClassification.from_pretrained(teacher_name)  # fine-tuned: its head must be trained
student = AutoModelForSequenceClassification.from_pretrained(
    student_name,
    num_labels=teacher.config.num_labels,
    id2label=teacher.config.id2label,
    label2id=teacher.config.label2id,
)
tokenizer = AutoTokenizer.from_pretrained(teacher_name)
data = load_dataset("csv", data_files=file, split="train")
data = data.map(lambda rows: tokenizer(rows["text"], truncation=True, max_length=128), batched=True)
data = data.map(lambda row: {"labels": teacher.config.label2id[str(row["label"])]}, remove_columns=["text", "label"])
trainer = DistillationTrainer(
    model=student,
    teacher_model=teacher,
    args=TrainingArguments("student", num_train_epochs=3, per_device_train_batch_size=32, report_to="none"),
    train_dataset=data,
    data_collator=DataCollatorWithPadding(tokenizer),
    processing_class=tokenizer,
    temperature=2.0,
    hard_label_weight=0.5,
)
trainer.train()
trainer.save_model("student")
